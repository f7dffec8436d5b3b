// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace espalier::exchange {

/// Numbers of conditions that must hold together.
using Conditions = std::vector<std::uint32_t>;

/// A formula in disjunctive form: all of `common`, and all of one of `cases`. What is common is kept apart because a
/// file's thousands of input bounds are, and its cases are few. No case: false. One case without conditions: no more
/// than `common`.
struct Disjunction {
  Conditions common;
  std::vector<Conditions> cases;
  std::size_t conditions = 0;  ///< in all cases together, without `common`

  static Disjunction never() { return {}; }
  static Disjunction always() { return {.common = {}, .cases = {{}}}; }
  static Disjunction of(std::uint32_t condition) { return {.common = {condition}, .cases = {{}}}; }
};

/// Thrown where the disjunctive form would be too large.
struct TooManyCases : std::length_error {
  using std::length_error::length_error;
};
inline constexpr std::size_t kMostCases = std::size_t{1} << 16;
inline constexpr std::size_t kMostConditions = std::size_t{1} << 24;  ///< in all cases together

Disjunction all_of(std::vector<Disjunction> parts);
Disjunction any_of(std::vector<Disjunction> parts);

/// Puts the conditions of each case in order, and the cases: the order of a file, whatever was nested how.
void sort(Disjunction& formula);

}  // namespace espalier::exchange
