// SPDX-License-Identifier: Apache-2.0
// The only place that knows HDF5. An image is a seal of 512 bytes, then an HDF5 file: HDF5 looks for its own start at
// 0, 512, 1024, ... and leaves what is before it to the user. The seal holds a digest of the file, because the library
// does not survive every damaged file; with it, HDF5 is never given bytes that HDF5 did not write.
#include "artifact/hdf5_image.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>
#include <hdf5.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

namespace espalier::artifact {
namespace {

constexpr std::size_t kSealSize = 512;
constexpr std::string_view kSealStart = "espalier artifact: an HDF5 file follows at byte 512\nsha256 ";
constexpr const char* kFileName = "espalier artifact in memory";  // HDF5 wants one; it is never opened

/// HDF5 locks each call, but a file is written in hundreds, with global state in between.
std::mutex library_mutex;

/// Holds the library for one whole read or write, and keeps it from printing on this thread meanwhile: the switch is
/// per thread, and others in the process (a plugin, h5py) may want theirs as it was.
class Session {
 public:
  Session() {
    H5Eget_auto2(H5E_DEFAULT, &print_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5Eclear2(H5E_DEFAULT);
  }
  ~Session() { H5Eset_auto2(H5E_DEFAULT, print_, data_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::lock_guard<std::mutex> lock_{library_mutex};
  H5E_auto2_t print_ = nullptr;
  void* data_ = nullptr;
};

/// The description at the bottom of HDF5's error stack: what went wrong first.
std::string library_reason() {
  std::string reason;
  const auto keep_first = [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
    if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, &reason);
  return reason.empty() ? "HDF5 gives no reason" : reason;
}

[[noreturn]] void fail(std::string_view task) {
  throw Error(Code::internal, fmt::format("HDF5 cannot {}: {}", task, library_reason()));
}

void require(herr_t status, std::string_view task) {
  if (status < 0) fail(task);
}

/// Owns an HDF5 identifier.
class Id {
 public:
  Id(hid_t id, herr_t (*close)(hid_t), std::string_view task) : id_(id), close_(close) {
    if (id < 0) fail(task);
  }
  ~Id() {
    if (id_ >= 0) close_(id_);
  }
  Id(Id&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Id& operator=(Id&&) = delete;
  operator hid_t() const { return id_; }  // NOLINT(google-explicit-constructor)

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

Id property_list(hid_t cls) {
  return {H5Pcreate(cls), H5Pclose, "make a property list"};
}

Id scalar_space() {
  return {H5Screate(H5S_SCALAR), H5Sclose, "make a scalar dataspace"};
}

Id space(const Shape& shape) {
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose,
          fmt::format("make a dataspace {}", to_text(shape))};
}

/// Padded with zeros; at least one byte, since HDF5 has no empty string.
Id text_type(std::size_t width) {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose, "make a text type");
  require(H5Tset_size(type, std::max<std::size_t>(width, 1)), "make a text type");
  require(H5Tset_strpad(type, H5T_STR_NULLPAD), "make a text type");
  require(H5Tset_cset(type, H5T_CSET_UTF8), "make a text type");
  return type;
}

hid_t type_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
      return H5T_STD_U8LE;
    case DType::i32:
      return H5T_STD_I32LE;
    case DType::i64:
      return H5T_STD_I64LE;
    case DType::f32:
      return H5T_IEEE_F32LE;
    case DType::f64:
      return H5T_IEEE_F64LE;
  }
  throw Error(Code::internal, fmt::format("there is no element type {}", static_cast<int>(dtype)));
}

/// Only in memory, and in one version of the format whatever the library's.
Id access_list(std::size_t increment) {
  Id list = property_list(H5P_FILE_ACCESS);
  require(H5Pset_fapl_core(list, increment, 0), "choose memory as its file");
  require(H5Pset_libver_bounds(list, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18), "fix the version of its format");
  require(H5Pset_fclose_degree(list, H5F_CLOSE_STRONG), "choose how files are closed");
  return list;
}

/// Writes fields into an open file, with nothing in it that depends on the time or on anything but the fields.
class Writer {
 public:
  explicit Writer(std::size_t bytes) : file_(create(bytes)) {}

  void attribute(const char* name, hid_t type, const void* data) {
    const Id attribute(H5Acreate2(file_, name, type, scalar_space(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                       "make an attribute");
    require(H5Awrite(attribute, type, data), "write an attribute");
  }
  void attribute(const char* name, const std::string& text) { attribute(name, text_type(text.size()), text.c_str()); }

  void field(const std::string& name, const Field& field) {
    std::visit(
        Overloaded{[&](std::int64_t v) { dataset(name, H5T_STD_I64LE, scalar_space(), &v); },
                   [&](double v) { dataset(name, H5T_IEEE_F64LE, scalar_space(), &v); },
                   [&](const std::string& v) { dataset(name, text_type(v.size()), scalar_space(), v.c_str()); },
                   [&](const std::vector<std::string>& v) { texts(name, v); },
                   [&](const Tensor& t) { dataset(name, type_of(t.dtype()), space(t.shape()), t.bytes().data()); }},
        field);
  }

  /// The whole file, after `room` bytes for the caller.
  std::string finish(std::size_t room) {
    require(H5Fflush(file_, H5F_SCOPE_GLOBAL), "finish a file");
    const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
    if (size < 0) fail("say how large a file is");
    std::string out(room + static_cast<std::size_t>(size), '\0');
    if (H5Fget_file_image(file_, out.data() + room, static_cast<std::size_t>(size)) != size) fail("hand out a file");
    return out;
  }

 private:
  static Id create(std::size_t bytes) {
    const Id creation = timeless(H5P_FILE_CREATE);
    return {H5Fcreate(kFileName, H5F_ACC_TRUNC, creation, access_list(bytes)), H5Fclose, "make a file in memory"};
  }
  /// Properties of a new object, which would otherwise carry the time it was made.
  static Id timeless(hid_t cls) {
    Id list = property_list(cls);
    require(H5Pset_obj_track_times(list, false), "leave out times");
    return list;
  }

  void texts(const std::string& name, const std::vector<std::string>& all) {
    std::size_t width = 1;
    for (const std::string& s : all) width = std::max(width, s.size());
    std::string cells(width * all.size(), '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i].copy(cells.data() + i * width, width);
    dataset(name, text_type(width), space({static_cast<std::int64_t>(all.size())}), cells.data());
  }

  void dataset(const std::string& name, hid_t type, hid_t space, const void* data) {
    const auto slash = name.rfind('/');
    const hid_t place = slash == name.npos ? hid_t{file_} : group(name.substr(0, slash));
    const std::string leaf = name.substr(slash + 1);
    const std::string task = fmt::format("write field '{}'", name);
    const Id set(H5Dcreate2(place, leaf.c_str(), type, space, H5P_DEFAULT, dataset_list_, H5P_DEFAULT), H5Dclose, task);
    if (data != nullptr) require(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), task);
  }

  /// The group of that name, made when it is first needed. By hand: groups that HDF5 makes on the way carry times.
  hid_t group(const std::string& name) {
    if (const auto it = groups_.find(name); it != groups_.end()) return it->second;
    const auto slash = name.rfind('/');
    const hid_t place = slash == name.npos ? hid_t{file_} : group(name.substr(0, slash));
    const std::string leaf = name.substr(slash + 1);
    Id made(H5Gcreate2(place, leaf.c_str(), H5P_DEFAULT, group_list_, H5P_DEFAULT), H5Gclose,
            fmt::format("make group '{}'", name));
    return groups_.emplace(name, std::move(made)).first->second;
  }

  /// Contiguous and uncompressed is the default; every byte is written, so none is filled first.
  static Id dataset_list() {
    Id list = timeless(H5P_DATASET_CREATE);
    require(H5Pset_fill_time(list, H5D_FILL_TIME_NEVER), "leave out filling");
    return list;
  }

  Id file_;
  Id group_list_ = timeless(H5P_GROUP_CREATE);
  Id dataset_list_ = dataset_list();
  std::map<std::string, Id> groups_;
};

/// Lends HDF5 bytes that it would copy three times on the way to opening them. It may not write to them, and does not:
/// the file is opened for reading, and what it would allocate, copy or free is always these bytes.
void lend(hid_t access, std::string_view& bytes) {
  using Op = H5FD_file_image_op_t;
  H5FD_file_image_callbacks_t callbacks{.image_malloc = [](size_t, Op, void* lent) -> void* {
                                          return const_cast<char*>(static_cast<std::string_view*>(lent)->data());
                                        },
                                        .image_memcpy = [](void* to, const void*, size_t, Op, void*) { return to; },
                                        .image_realloc = [](void*, size_t, Op, void*) -> void* { return nullptr; },
                                        .image_free = [](void*, Op, void*) -> herr_t { return 0; },
                                        .udata_copy = [](void* lent) { return lent; },
                                        .udata_free = [](void*) -> herr_t { return 0; },
                                        .udata = &bytes};
  require(H5Pset_file_image_callbacks(access, &callbacks), "lend out a file");
  require(H5Pset_file_image(access, const_cast<char*>(bytes.data()), bytes.size()), "lend out a file");
}

/// Reads what Writer wrote.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes), file_(open(bytes_)) {}

  std::int64_t integer_attribute(const char* name) const {
    const Id attribute(H5Aopen(file_, name, H5P_DEFAULT), H5Aclose, fmt::format("find attribute '{}'", name));
    std::int64_t value = 0;
    require_scalar(Id(H5Aget_space(attribute), H5Sclose, "read an attribute"), name);
    require(H5Aread(attribute, H5T_STD_I64LE, &value), fmt::format("read attribute '{}'", name));
    return value;
  }

  std::string text_attribute(const char* name) const {
    const Id attribute(H5Aopen(file_, name, H5P_DEFAULT), H5Aclose, fmt::format("find attribute '{}'", name));
    const Id type(H5Aget_type(attribute), H5Tclose, "read an attribute");
    require_scalar(Id(H5Aget_space(attribute), H5Sclose, "read an attribute"), name);
    std::string text(text_width(type, name), '\0');
    require(H5Aread(attribute, type, text.data()), fmt::format("read attribute '{}'", name));
    return trimmed(text);
  }

  Fields fields() const {
    Fields out;
    read_group(file_, "", out);
    return out;
  }

 private:
  static Id open(std::string_view& bytes) {
    const Id access = access_list(1);
    lend(access, bytes);
    return {H5Fopen(kFileName, H5F_ACC_RDONLY, access), H5Fclose, "open it"};
  }

  static void require_scalar(hid_t space, std::string_view name) {
    if (H5Sget_simple_extent_type(space) == H5S_SCALAR) return;
    throw Error(Code::damaged, fmt::format("'{}' holds more than one value", name));
  }

  std::size_t text_width(hid_t type, std::string_view name) const {
    const bool fixed = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0;
    if (!fixed) throw Error(Code::damaged, fmt::format("'{}' is not a text of fixed width", name));
    const std::size_t width = H5Tget_size(type);
    require_room(width, 1, name);
    return width;
  }

  void require_room(std::size_t width, std::size_t count, std::string_view name) const {
    if (width > 0 && width <= bytes_.size() && count <= bytes_.size() / width) return;
    throw Error(Code::damaged,
                fmt::format("'{}' claims {} elements of {} bytes in a file of {}", name, count, width, bytes_.size()));
  }

  static std::string trimmed(std::string_view cell) {
    const auto last = cell.find_last_not_of('\0');
    return std::string(cell.substr(0, last == cell.npos ? 0 : last + 1));
  }

  /// Only hard links: others could lead into other files.
  static std::vector<std::string> names_in(hid_t group) {
    std::vector<std::string> names;
    const auto collect = [](hid_t, const char* name, const H5L_info_t* info, void* out) -> herr_t {
      if (info->type != H5L_TYPE_HARD) return -1;
      static_cast<std::vector<std::string>*>(out)->emplace_back(name);
      return 0;
    };
    require(H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names), "list a group");
    return names;
  }

  void read_group(hid_t group, const std::string& prefix, Fields& out) const {
    for (const std::string& leaf : names_in(group)) {
      const std::string name = prefix + leaf;
      if (name.size() > Fields::kLongestName) throw Error(Code::damaged, "its groups are nested too deeply");
      const Id object(H5Oopen(group, leaf.c_str(), H5P_DEFAULT), H5Oclose, fmt::format("open '{}'", name));
      const H5I_type_t type = H5Iget_type(object);
      if (type == H5I_GROUP) {
        read_group(object, name + "/", out);
      } else if (type == H5I_DATASET) {
        out.set(name, read_dataset(object, name));
      } else {
        throw Error(Code::damaged, fmt::format("'{}' is neither a group nor a data set", name));
      }
    }
  }

  Field read_dataset(hid_t set, const std::string& name) const {
    const Id type(H5Dget_type(set), H5Tclose, fmt::format("read '{}'", name));
    const Id space(H5Dget_space(set), H5Sclose, fmt::format("read '{}'", name));
    const H5S_class_t extent = H5Sget_simple_extent_type(space);
    const int rank = H5Sget_simple_extent_ndims(space);
    if (rank < 0 || extent == H5S_NULL) throw Error(Code::damaged, fmt::format("'{}' has no shape", name));
    std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
    require(H5Sget_simple_extent_dims(space, dims.data(), nullptr), fmt::format("read '{}'", name));
    std::size_t count = 1;
    for (const hsize_t d : dims) {
      require_room(1, d, name);
      require_room(std::max<std::size_t>(count, 1), d, name);
      count *= d;
    }
    // Data that are not in one piece in this file would be in chunks, filtered, or in a file of their own.
    if (count > 0 && H5Dget_offset(set) == HADDR_UNDEF) {
      throw Error(Code::damaged, fmt::format("'{}' is not contiguous", name));
    }
    const Shape shape(dims.begin(), dims.end());
    return H5Tget_class(type) == H5T_STRING ? read_texts(set, type, shape, count, name)
                                            : read_numbers(set, type, shape, count, name);
  }

  Field read_texts(hid_t set, hid_t type, const Shape& shape, std::size_t count, const std::string& name) const {
    const std::size_t width = text_width(type, name);
    require_room(width, count, name);
    if (shape.size() > 1) throw Error(Code::damaged, fmt::format("'{}' has texts of shape {}", name, to_text(shape)));
    std::string cells(width * count, '\0');
    require(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, cells.data()), fmt::format("read '{}'", name));
    if (shape.empty()) return trimmed(cells);
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(trimmed(std::string_view(cells).substr(i * width, width)));
    return out;
  }

  Field read_numbers(hid_t set, hid_t type, const Shape& shape, std::size_t count, const std::string& name) const {
    constexpr DType kAll[] = {DType::u8, DType::i32, DType::i64, DType::f32, DType::f64};
    const auto dtype = std::ranges::find_if(kAll, [&](DType d) { return H5Tequal(type, type_of(d)) > 0; });
    if (dtype == std::end(kAll)) throw Error(Code::damaged, fmt::format("'{}' has an unknown element type", name));
    require_room(size_of(*dtype), count, name);
    auto data = std::make_shared_for_overwrite<std::byte[]>(std::max<std::size_t>(count * size_of(*dtype), 1));
    if (count > 0) {
      require(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data.get()), fmt::format("read '{}'", name));
    }
    Tensor tensor(*dtype, shape.empty() ? Shape{1} : shape, std::move(data));
    if (!shape.empty()) return tensor;
    if (*dtype == DType::i64) return tensor.as<std::int64_t>()[0];
    if (*dtype == DType::f64) return tensor.as<double>()[0];
    throw Error(Code::damaged, fmt::format("'{}' is a single {}", name, to_text(*dtype)));
  }

  std::string_view bytes_;  // lent to file_, so it comes first
  Id file_;
};

std::string seal(std::string_view file) {
  return std::string(kSealStart) + digest_of(file).hex() + "\n";
}

/// The HDF5 file behind the seal.
std::string_view unsealed(std::string_view bytes, const std::string& name) {
  if (bytes.size() <= kSealSize || !bytes.starts_with(kSealStart)) {
    throw Error(Code::damaged, fmt::format("'{}' ({} bytes) is not an artifact of espalier", name, bytes.size()),
                kRemakeHint);
  }
  const std::string_view file = bytes.substr(kSealSize);
  const std::string found = seal(file);
  if (bytes.starts_with(found)) return file;
  const auto digest_in = [](std::string_view text) { return text.substr(kSealStart.size(), 64); };
  throw Error(Code::damaged,
              fmt::format("'{}' is damaged: its bytes have digest {}, but its seal says {}", name, digest_in(found),
                          digest_in(bytes)),
              kRemakeHint);
}

/// About what the file will need, so that it grows once.
std::size_t expected_size(const Fields& fields) {
  std::size_t size = 4096;
  for (const auto& [name, field] : fields.all()) {
    size += 2048;  // its header, and a share of a group
    if (const auto* tensor = std::get_if<Tensor>(&field)) size += tensor->bytes().size();
  }
  return size;
}

Image read_unchecked(std::string_view file) {
  const Session session;
  const Reader reader(file);
  const std::string hex = reader.text_attribute("digest");
  const auto digest = Digest::from_hex(hex);
  if (!digest) throw Error(Code::damaged, fmt::format("attribute 'digest' is '{}'", hex));
  return {{.kind = reader.text_attribute("kind"),
           .format = reader.integer_attribute("format"),
           .digest = *digest,
           .writer = reader.text_attribute("writer")},
          reader.fields()};
}

}  // namespace

std::string write_image(const ImageHeader& header, const Fields& fields) {
  std::string image;
  {
    const Session session;
    Writer writer(expected_size(fields));
    writer.attribute("kind", header.kind);
    writer.attribute("format", H5T_STD_I64LE, &header.format);
    writer.attribute("digest", header.digest.hex());
    writer.attribute("writer", header.writer);
    for (const auto& [name, field] : fields.all()) writer.field(name, field);
    image = writer.finish(kSealSize);
  }
  const std::string text = seal(std::string_view(image).substr(kSealSize));
  image.replace(0, text.size(), text);
  return image;
}

Image read_image(std::string_view bytes, const std::string& name) {
  const std::string_view file = unsealed(bytes, name);
  Image image;
  try {
    image = read_unchecked(file);
  } catch (const Error& e) {
    throw Error(Code::damaged, fmt::format("'{}' is damaged: {}", name, e.what()), kRemakeHint);
  }
  const Digest found = image.fields.digest(image.header.kind, image.header.format);
  if (found == image.header.digest) return image;
  throw Error(Code::damaged,
              fmt::format("'{}' is damaged: its fields have digest {}, but its header says {}", name, found.hex(),
                          image.header.digest.hex()),
              kRemakeHint);
}

}  // namespace espalier::artifact
