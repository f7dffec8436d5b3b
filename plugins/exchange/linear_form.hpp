// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "number.hpp"

namespace espalier::exchange {

/// X_index or Y_index of a VNN-LIB file.
struct Variable {
  enum class Kind : std::uint8_t { input, output };
  Kind kind = Kind::input;
  std::uint32_t index = 0;
  friend auto operator<=>(const Variable&, const Variable&) = default;
};

/// constant + sum of factor * variable. A variable may occur more than once until `collect`.
struct LinearForm {
  struct Term {
    Variable variable;
    Number factor;
  };
  std::vector<Term> terms;
  Number constant;

  /// Sorts the terms by variable, adds those of the same, leaves out those that add up to nothing.
  void collect();
  LinearForm& operator+=(LinearForm other);
  LinearForm& operator*=(const Number& factor);
  LinearForm& operator/=(const Number& divisor);
  void negate();
};

}  // namespace espalier::exchange
