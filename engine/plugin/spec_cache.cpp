// SPDX-License-Identifier: Apache-2.0
#include "plugin/spec_cache.hpp"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

#include <espalier/digest.hpp>

#include "core/disk.hpp"

namespace espalier::plugin {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> cache_folder() {
  // XDG base directory specification: a relative path counts as unset.
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && fs::path(xdg).is_absolute()) {
    return fs::path(xdg) / "espalier" / "plugins";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && fs::path(home).is_absolute()) {
    return fs::path(home) / ".cache" / "espalier" / "plugins";
  }
  return std::nullopt;
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

}  // namespace

SpecCache::SpecCache(std::string engine) : engine_(std::move(engine)), folder_(cache_folder()) {}

std::optional<std::string> SpecCache::key(const fs::path& file) const {
  const std::optional<core::FileStat> stat = core::RealDisk().stat(file);
  if (!stat) return std::nullopt;
  Hasher hasher;
  hasher.field(engine_).field(file.string()).field(static_cast<std::int64_t>(stat->size)).field(stat->mtime_ns);
  return hasher.finish().hex();
}

fs::path SpecCache::entry(const fs::path& file) const {
  return *folder_ / (digest_of(file.string()).hex() + ".txt");
}

// An entry is five lines: a digest of the rest, the key, the library's digest, its LibTorch, its description.
std::optional<Described> SpecCache::find(const fs::path& file, const std::string& key) const {
  if (!folder_) return std::nullopt;
  try {
    const std::optional<std::string> bytes = core::RealDisk().read(entry(file));
    if (!bytes) return std::nullopt;
    std::string_view rest = *bytes;
    const std::string_view checksum = take_line(rest);
    if (digest_of(rest).hex() != checksum || take_line(rest) != key) return std::nullopt;
    Described out;
    out.file_digest = take_line(rest);
    out.torch = take_line(rest);
    out.spec = description_from(take_line(rest));
    return out;
  } catch (const Error&) {
    return std::nullopt;  // unreadable or written by another version: as good as absent
  }
}

void SpecCache::keep(const fs::path& file, const std::string& key, const Described& described) const {
  if (!folder_) return;
  const std::string rest =
      fmt::format("{}\n{}\n{}\n{}\n", key, described.file_digest, described.torch, description_text(described.spec));
  try {
    core::RealDisk().write_atomically(entry(file), digest_of(rest).hex() + "\n" + rest);
  } catch (const Error&) {
    return;  // a read-only home folder costs time, not results
  }
}

}  // namespace espalier::plugin
