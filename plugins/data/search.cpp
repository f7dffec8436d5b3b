// SPDX-License-Identifier: Apache-2.0
#include "search.hpp"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

namespace espalier::data {
namespace {

namespace fs = std::filesystem;

/// The names under which a file may lie in a folder.
std::vector<fs::path> candidates(const fs::path& folder, const KnownSet& set, const KnownFile& file) {
  return {folder / set.name / file.file, folder / set.name / (file.file + ".gz"), folder / file.file,
          folder / (file.file + ".gz")};
}

std::string ways_to_get(const KnownSet& set) {
  const std::string package = set.package.empty() ? "it has no Debian package, so"
                                                  : fmt::format("install it with apt-get install {}, or", set.package);
  return fmt::format(
      "{} run tools/fetch-data {}, or copy the four IDX files (plain or .gz, from {}) to data/{} beside the pipeline, "
      "or to a folder named in $ESPALIER_DATA",
      package, set.name, set.source, set.name);
}

Error not_found(const KnownSet& set, const KnownFile& file, const std::vector<fs::path>& searched) {
  std::string folders;
  for (const fs::path& folder : searched) {
    folders += fmt::format("{}'{}'", folders.empty() ? "" : ", ", fs::absolute(folder).lexically_normal().string());
  }
  return {Code::missing,
          fmt::format("data set '{}' is not here: no '{}' or '{}.gz', also below '{}', in the folders {}", set.name,
                      file.file, file.file, set.name, folders),
          ways_to_get(set)};
}

/// "it is train_images of 'mnist'; " when the catalogue knows the content by another name.
std::string recognised(const Digest& sha256) {
  for (const KnownSet& set : catalogue()) {
    for (const KnownFile& file : set.files) {
      if (file.sha256 == sha256) return fmt::format("it is {} of '{}'; ", file.role, set.name);
    }
  }
  return {};
}

std::string briefly(const std::vector<Digest>& digests) {
  std::string out;
  for (const Digest& digest : digests) out += (out.empty() ? "" : " or ") + digest.hex();
  return out;
}

/// A file that is no whole IDX file is to be fetched, as one of another size is.
IdxFile read_known(const fs::path& path, const std::string& next) {
  try {
    return read_idx(path);
  } catch (const Error& error) {
    if (error.code() != Code::damaged) throw;
    throw Error(error.code(), error.what(), next);
  }
}

IdxFile checked(const fs::path& path, const KnownSet& set, const KnownFile& file) {
  const std::string next = "fetch it again: tools/fetch-data " + set.name;
  IdxFile content = read_known(path, next);
  if (content.size != file.size) {
    throw Error(Code::damaged,
                fmt::format("'{}' holds {} bytes, but {} of '{}' has {}", path.string(), content.size, file.role,
                            set.name, file.size),
                recognised(content.sha256) + next);
  }
  if (file.sha256) {
    if (content.sha256 == *file.sha256) return content;
    throw Error(Code::damaged,
                fmt::format("'{}' has the SHA-256 {} unpacked, but {} of '{}' has {}", path.string(),
                            content.sha256.hex(), file.role, set.name, file.sha256->hex()),
                recognised(content.sha256) + next);
  }
  const Digest packed = digest_on_disk(path);
  if (std::ranges::find(file.gz_sha256, packed) != file.gz_sha256.end()) return content;
  throw Error(Code::damaged,
              fmt::format("'{}' has the SHA-256 {}, but {} of '{}', packed as distributed, has {}", path.string(),
                          packed.hex(), file.role, set.name, briefly(file.gz_sha256)),
              recognised(content.sha256) + "keep the .gz file as distributed; " + next);
}

/// Where an installation keeps data sets, seen from this library; nothing when its own place is not known.
std::optional<fs::path> installed_data() {
  Dl_info self{};
  if (::dladdr(reinterpret_cast<const void*>(&installed_data), &self) == 0) return std::nullopt;
  return (fs::absolute(self.dli_fname).parent_path() / ESPALIER_DATA_FROM_PLUGIN).lexically_normal();
}

void add_new(fs::path folder, std::vector<fs::path>& folders) {
  const auto whole = [](const fs::path& path) { return fs::absolute(path).lexically_normal(); };
  const bool known = std::ranges::any_of(folders, [&](const fs::path& other) { return whole(other) == whole(folder); });
  if (!known) folders.push_back(std::move(folder));
}

}  // namespace

std::vector<fs::path> data_folders(const fs::path& pipeline) {
  std::vector<fs::path> out;
  const char* listed = std::getenv("ESPALIER_DATA");
  std::string_view rest = listed == nullptr ? "" : listed;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    if (!folder.empty()) add_new(folder, out);
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  add_new("data", out);
  add_new(pipeline / "data", out);
  add_new(pipeline.parent_path() / "data", out);  // a project keeps pipelines/ and data/ side by side
  if (auto installed = installed_data()) add_new(*std::move(installed), out);
  add_new("/usr/share/datasets", out);
  return out;
}

IdxFile find_file(const KnownSet& set, const KnownFile& file, Context& ctx) {
  std::optional<Error> first;
  const std::vector<fs::path> folders = data_folders(ctx.folder());
  for (const fs::path& folder : folders) {
    for (const fs::path& path : candidates(folder, set, file)) {
      std::error_code ignored;  // a folder that cannot be searched holds nothing for us
      if (!fs::is_regular_file(path, ignored)) continue;
      try {
        IdxFile content = checked(path, set, file);
        ctx.log(
            fmt::format("{} of '{}': '{}', SHA-256 {}", file.role, set.name, path.string(), content.sha256.brief()));
        return content;
      } catch (const Error& error) {
        ctx.log(fmt::format("passed over: {}", error.what()));
        if (!first) first = error;
      }
    }
  }
  if (first) throw *first;
  throw not_found(set, file, folders);
}

}  // namespace espalier::data
