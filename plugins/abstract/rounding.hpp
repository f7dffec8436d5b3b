// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace espalier::abstract {

// How bounds computed in double become bounds over the reals.
//
// Every sum below is evaluated term by term in round-to-nearest, and the error is added afterwards: for n operations,
// in any order, with or without fused multiply-add, the computed sum of a_i b_i is off by at most gamma(n) times the
// sum of |a_i b_i| (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), plus one smallest denormal a
// product. Nothing depends on the rounding mode being switched or on the compiler not reordering.

/// Unit roundoff of double.
inline constexpr double kUnit = 0x1p-53;
/// Far above what gradual underflow can take from any sum here, far below anything that matters.
inline constexpr double kFloor = 0x1p-1000;

/// Throws Error(internal) unless this thread rounds to nearest and keeps denormal numbers, which every bound relies on.
void require_ieee_arithmetic();

/// Upper bound of n u / (1 - n u). Throws Error(unsupported) when n is so large that the bound says nothing.
double gamma(std::int64_t n);

/// Makes an error term that was itself summed with rounding an upper bound of the real one: a sum of at most 2^30
/// non-negative terms is off by less than 2^-22 of itself.
inline double inflate(double error) {
  return error * (1 + 0x1p-20);
}

/// a + b rounded towards -infinity / +infinity; exact sums stay as they are.
double sum_down(double a, double b);
double sum_up(double a, double b);

/// low <= high; both finite, or infinite where nothing is known. Never NaN.
struct Interval {
  double low = 0;
  double high = 0;
};
using Intervals = std::vector<Interval>;

inline double magnitude(Interval x) {
  return std::max(std::abs(x.low), std::abs(x.high));
}
/// A bound that overflowed or is not a number says nothing.
inline double or_nothing(double low) {
  return std::isfinite(low) ? low : -HUGE_VAL;
}
/// The smaller of two lower bounds. One that is not a number says nothing, and neither do both then: `robust` is never
/// what is left of it.
inline double lesser(double a, double b) {
  return a <= b ? a : b < a ? b : -HUGE_VAL;
}
/// What two facts about one number say together.
Interval intersection(Interval a, Interval b);

}  // namespace espalier::abstract
