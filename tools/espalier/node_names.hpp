// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

namespace espalier::cli {

/// What a node may be called: by its name, whole or short, with its axes or without.
inline std::array<std::string, 4> names_of(const std::string& name) {
  const std::string base = name.substr(0, name.find('@'));
  const std::size_t brief = base.rfind('.') + 1;
  return {name, name.substr(brief), base, base.substr(brief)};
}

}  // namespace espalier::cli
