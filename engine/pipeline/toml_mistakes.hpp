// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace espalier::pipeline {

/// What is wrong with a text that is no TOML, in plain words.
struct TomlMistake {
  std::size_t at = 0;  ///< in the text
  std::size_t length = 1;
  std::string text;
  std::string hint;
};

/// The first of the commonest mistakes in a text that is known to be no TOML: a quote or a bracket that stays open, a
/// second '=', no value, text without quotes, a name that is given twice. Nothing when it is none of these.
std::optional<TomlMistake> first_mistake(std::string_view text);

}  // namespace espalier::pipeline
