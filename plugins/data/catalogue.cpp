// SPDX-License-Identifier: Apache-2.0
// data/catalogue.toml as data. The one file outside the engine's pipeline reader that parses TOML.
#include "catalogue.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <espalier/error.hpp>

#include "catalogue_toml.hpp"

namespace espalier::data {
namespace {

template <class T>
T need(const toml::table& table, std::string_view key) {
  if (const auto value = table[key].value<T>()) return *value;
  throw Error(Code::internal, fmt::format("data/catalogue.toml lacks '{}'", key));
}

Digest digest_from(const std::string& hex) {
  if (const auto digest = Digest::from_hex(hex)) return *digest;
  throw Error(Code::internal, fmt::format("data/catalogue.toml holds '{}' where a SHA-256 belongs", hex));
}

std::vector<std::string> texts(const toml::table& table, std::string_view key) {
  std::vector<std::string> out;
  if (const toml::array* array = table[key].as_array()) {
    for (const toml::node& node : *array) out.push_back(node.value_or(std::string()));
  }
  return out;
}

KnownFile file_from(std::string_view role, const toml::table& set) {
  const toml::table* table = set[role].as_table();
  if (table == nullptr) throw Error(Code::internal, fmt::format("data/catalogue.toml lacks '{}'", role));
  KnownFile out{.role = std::string(role),
                .file = need<std::string>(*table, "file"),
                .size = need<std::int64_t>(*table, "size"),
                .sha256 = {},
                .gz_sha256 = {}};
  if (const auto hex = need<std::string>(*table, "sha256"); !hex.empty()) out.sha256 = digest_from(hex);
  for (const std::string& hex : texts(*table, "gz_sha256")) out.gz_sha256.push_back(digest_from(hex));
  return out;
}

}  // namespace

std::vector<KnownSet> catalogue() {
  std::vector<KnownSet> out;
  const toml::table all = toml::parse(std::string_view(kCatalogueToml));
  for (const auto& [name, node] : all) {
    const toml::table& table = *node.as_table();
    KnownSet set{.name = std::string(name.str()),
                 .title = need<std::string>(table, "title"),
                 .package = need<std::string>(table, "package"),
                 .source = need<std::string>(table, "source"),
                 .classes = texts(table, "classes"),
                 .files = {}};
    for (std::size_t i = 0; i < kRoles.size(); ++i) set.files[i] = file_from(kRoles[i], table);
    out.push_back(std::move(set));
  }
  return out;
}

}  // namespace espalier::data
