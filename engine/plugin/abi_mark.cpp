// SPDX-License-Identifier: Apache-2.0
// Reads what a plugin was built as from the bytes of its file, before any of its code runs.
#include "plugin/abi_mark.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

namespace espalier::plugin {
namespace {

using AbiFields = std::map<std::string, std::string, std::less<>>;

AbiFields split_fields(std::string_view text) {
  AbiFields out;
  while (!text.empty()) {
    const std::string_view field = text.substr(0, text.find(';'));
    const std::size_t equals = std::min(field.find('='), field.size());
    const std::size_t value = std::min(equals + 1, field.size());
    out.emplace(field.substr(0, equals), field.substr(value));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
  }
  return out;
}

std::string shown(const AbiFields& fields, std::string_view name) {
  const auto it = fields.find(name);
  return it == fields.end() ? "nothing" : "'" + it->second + "'";
}

}  // namespace

std::optional<std::string> find_abi_mark(std::string_view bytes) {
  // The engine holds the mark and the fields as two constants, each with its end; only a plugin has one behind the
  // other.
  constexpr std::string_view kMark = ESPALIER_ABI_MARK;
  constexpr std::string_view kFirstField = "abi=";
  for (std::size_t at = bytes.find(kMark); at != std::string_view::npos; at = bytes.find(kMark, at + 1)) {
    const std::string_view fields = bytes.substr(at + kMark.size());
    if (fields.starts_with(kFirstField)) return std::string(fields.substr(0, fields.find('\0')));
  }
  return std::nullopt;
}

std::string_view engine_abi() {
  return ESPALIER_ABI_FIELDS;
}

std::vector<std::string> abi_differences(std::string_view plugin_fields, std::string_view engine_fields) {
  const AbiFields plugin = split_fields(plugin_fields);
  const AbiFields engine = split_fields(engine_fields);
  std::set<std::string_view> names;
  for (const auto& [name, value] : plugin) names.insert(name);
  for (const auto& [name, value] : engine) names.insert(name);
  names.erase("torch");
  std::vector<std::string> out;
  for (const std::string_view name : names) {
    const std::string there = shown(plugin, name);
    const std::string here = shown(engine, name);
    if (there != here) out.push_back(fmt::format("{} mismatch: plugin has {}, engine has {}", name, there, here));
  }
  return out;
}

std::string torch_version(std::string_view fields) {
  const AbiFields all = split_fields(fields);
  const auto it = all.find("torch");
  return it == all.end() ? "none" : it->second;
}

}  // namespace espalier::plugin
