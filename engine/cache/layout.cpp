// SPDX-License-Identifier: Apache-2.0
#include "cache/layout.hpp"

#include <charconv>
#include <utility>

namespace espalier::cache {

Layout::Layout(core::Path root)
    : root_(std::move(root)), objects_((root_ / "objects").string()), actions_((root_ / "actions").string()) {}

core::Path Layout::file(const std::string& folder, const Digest& digest, std::string_view ending) {
  const std::string hex = digest.hex();
  std::string path;
  path.reserve(folder.size() + 4 + hex.size() + ending.size());
  path.append(folder).append("/").append(hex, 0, 2).append("/").append(hex).append(ending);
  return path;
}

std::optional<Digest> Layout::digest_in(std::string_view name, std::string_view ending) {
  if (!name.ends_with(ending)) return std::nullopt;
  return Digest::from_hex(name.substr(0, name.size() - ending.size()));
}

// ".<name>.<process>-<counter>.tmp"
std::optional<int> Layout::temporary_of(std::string_view name) {
  if (!name.starts_with('.') || !name.ends_with(".tmp")) return std::nullopt;
  name.remove_suffix(4);
  name.remove_prefix(name.rfind('.') + 1);
  int process = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), process);
  if (error != std::errc() || end == name.data() + name.size() || *end != '-') return std::nullopt;
  return process;
}

}  // namespace espalier::cache
