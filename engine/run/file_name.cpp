// SPDX-License-Identifier: Apache-2.0
#include "run/file_name.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <espalier/digest.hpp>

namespace espalier::run {
namespace {

constexpr std::size_t kLongest = 180;  // file systems allow 255 bytes; suffixes and temporary names need some

bool is_plain(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || std::string_view("._@=,+-").find(c) != std::string_view::npos;
}

}  // namespace

std::string safe_file_name(std::string_view node_name) {
  std::string name(node_name);
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !is_plain(c); }, '_');
  if (name == node_name && name.size() <= kLongest && !name.empty() && name.front() != '.') return name;
  return fmt::format("_{}-{}", name.substr(0, kLongest), digest_of(node_name).brief());
}

core::Path log_file(const core::Path& log_folder, std::string_view node_name) {
  return log_folder / (safe_file_name(node_name) + ".log");
}

}  // namespace espalier::run
