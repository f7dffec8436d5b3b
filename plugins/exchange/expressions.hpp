// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/error.hpp>

namespace espalier::exchange {

/// A text with the name that messages give it. Borrows both.
struct NamedText {
  std::string_view text;
  const std::string& name;

  /// Throws Error "name:line:column: what"; offset counts bytes, columns too.
  [[noreturn]] void fail(Code code, std::size_t offset, const std::string& what, std::string hint = {}) const;
};

/// A word or a list of SMT-LIB. All expressions of a file lie in one array, each list before its parts, so that neither
/// reading nor evaluating them needs recursion: evaluate from the back, and the parts of a list are there before it.
struct Expression {
  std::string_view word;     ///< empty: a list
  std::uint32_t offset = 0;  ///< of its first byte in the file
  std::uint32_t end = 0;     ///< index of the first expression that is not part of it
  std::uint32_t parts = 0;   ///< of a list: how many, each at `at + 1` or the `end` of the one before

  bool is_list() const { return word.empty(); }
};

/// More than any honest file has, whose longest have some millions; half a GiB of them.
inline constexpr std::size_t kMostExpressions = std::size_t{1} << 24;

/// Reads a whole file: words, lists, comments from ';' to the end of a line; strings and |quoted words| count as words.
std::vector<Expression> read_expressions(const NamedText& file);

}  // namespace espalier::exchange
