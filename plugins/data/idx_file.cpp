// SPDX-License-Identifier: Apache-2.0
// IDX: four bytes (0, 0, element type, rank), the dimensions as big-endian 32-bit numbers, then the elements.
#include "idx_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <zlib.h>

#include <espalier/error.hpp>

namespace espalier::data {
namespace {

constexpr std::uint8_t kUnsignedByte = 0x08;
constexpr int kMaxRank = 4;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 31;
constexpr std::size_t kStep = std::size_t{64} << 20;  // memory is taken in steps of this size while bytes arrive
constexpr const char* kFetchAgain = "fetch or copy the file again; `gzip -t FILE` tests a packed one";

/// A file opened by zlib, which passes bytes of a file that is not gzipped through.
class Source {
 public:
  explicit Source(const std::filesystem::path& path) : path_(path), file_(gzopen(path.c_str(), "rb")) {
    if (file_ == nullptr) {
      const int reason = errno;
      throw Error(reason == ENOENT ? Code::missing : Code::io,
                  fmt::format("cannot read '{}': {}", path.string(), std::strerror(reason)),
                  "check the path and the file's permissions");
    }
    gzbuffer(file_, 1U << 18);
  }
  ~Source() { gzclose(file_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  /// How many bytes were there, at most as many as `target` holds (and that is less than 2 GiB).
  std::size_t read(std::span<std::uint8_t> target) {
    const int count = gzread(file_, target.data(), static_cast<unsigned>(target.size()));
    int code = Z_OK;
    std::string_view reason = gzerror(file_, &code);
    // A gzip stream that stops early is reported as a buffer error beside the bytes that were there.
    if (count < 0 || (code != Z_OK && code != Z_STREAM_END)) {
      const std::string path = path_.string() + ": ";  // zlib begins with it
      if (reason.starts_with(path)) reason.remove_prefix(path.size());
      throw Error(code == Z_ERRNO ? Code::io : Code::damaged,
                  fmt::format("'{}' cannot be read: {}", path_.string(), reason), kFetchAgain);
    }
    return static_cast<std::size_t>(count);
  }

 private:
  std::filesystem::path path_;
  gzFile file_;
};

void require_bytes(const std::filesystem::path& path, std::int64_t found, std::int64_t expected) {
  if (found == expected) return;
  throw Error(Code::damaged, fmt::format("'{}' ends after {} bytes, expected {}", path.string(), found, expected),
              kFetchAgain);
}

/// The bytes of the header; the shape they say is checked by `shape_of`.
std::vector<std::uint8_t> read_header(Source& source, const std::filesystem::path& path) {
  std::vector<std::uint8_t> header(4);
  require_bytes(path, static_cast<std::int64_t>(source.read(header)), 4);
  const int rank = header[3];
  if (header[0] != 0 || header[1] != 0 || header[2] != kUnsignedByte || rank < 1 || rank > kMaxRank) {
    throw Error(Code::damaged,
                fmt::format("'{}' is not an IDX file of bytes: it starts with {:02x} {:02x} {:02x} {:02x}, expected 00 "
                            "00 08 01 to 00 00 08 {:02x}",
                            path.string(), header[0], header[1], header[2], header[3], kMaxRank),
                "give the IDX file as distributed, plain or gzipped");
  }
  std::array<std::uint8_t, 4 * kMaxRank> dimensions{};
  const auto wanted = static_cast<std::size_t>(4 * rank);
  const std::size_t found = source.read(std::span(dimensions).first(wanted));
  require_bytes(path, static_cast<std::int64_t>(4 + found), static_cast<std::int64_t>(4 + wanted));
  header.insert(header.end(), dimensions.begin(), dimensions.begin() + 4 * rank);
  return header;
}

Shape shape_of(std::span<const std::uint8_t> header, const std::filesystem::path& path) {
  Shape shape;
  std::int64_t count = 1;
  for (std::size_t at = 4; at < header.size(); at += 4) {
    const std::int64_t extent = std::int64_t{header[at]} << 24 | std::int64_t{header[at + 1]} << 16 |
                                std::int64_t{header[at + 2]} << 8 | std::int64_t{header[at + 3]};
    shape.push_back(extent);
    if (extent == 0 || count > kMaxElements / extent) {
      throw Error(Code::damaged,
                  fmt::format("'{}' claims the dimension {}; sizes from 1 to {} elements in all can be read",
                              path.string(), extent, kMaxElements),
                  "check that this is the IDX file that was meant");
    }
    count *= extent;
  }
  return shape;
}

std::vector<std::uint8_t> read_elements(Source& source, std::size_t count) {
  std::vector<std::uint8_t> values;
  while (values.size() < count) {
    const std::size_t have = values.size();
    values.resize(std::min(count, have + kStep));
    const std::size_t found = source.read(std::span(values).subspan(have));
    if (have + found < values.size()) {
      values.resize(have + found);
      break;
    }
  }
  return values;
}

}  // namespace

IdxFile read_idx(const std::filesystem::path& path) {
  Source source(path);
  const auto header = read_header(source, path);
  const Shape shape = shape_of(header, path);
  const std::int64_t count = element_count(shape);
  const auto header_size = static_cast<std::int64_t>(header.size());
  auto values = read_elements(source, static_cast<std::size_t>(count));
  require_bytes(path, header_size + static_cast<std::int64_t>(values.size()), header_size + count);
  std::array<std::uint8_t, 1> beyond{};
  if (source.read(beyond) != 0) {
    throw Error(Code::damaged,
                fmt::format("'{}' goes on after the {} bytes its header promises", path.string(), header_size + count),
                kFetchAgain);
  }
  Hasher hasher;
  hasher.bytes(std::as_bytes(std::span(header))).bytes(std::as_bytes(std::span(values)));
  return {.values = Tensor::of(shape, std::move(values)), .size = header_size + count, .sha256 = hasher.finish()};
}

Digest digest_on_disk(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> buffer(std::size_t{1} << 20);
  Hasher hasher;
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.bytes(std::as_bytes(std::span(buffer).first(static_cast<std::size_t>(in.gcount()))));
  }
  if (!in.eof()) throw Error(Code::io, fmt::format("cannot read '{}'", path.string()), "check the disk");
  return hasher.finish();
}

}  // namespace espalier::data
