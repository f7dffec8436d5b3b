// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace espalier::linear {

// Programs are in units of their own, powers of two, so that no solver sees numbers far from 1: multiplying by one is
// exact, and a result that leaves the normal numbers is rounded to the side that is said.

/// A power of two that a size is at most and at least half of; 1 for none, and not beyond 2^500 on either side.
inline double unit_of(double size) {
  constexpr int kMost = 500;
  if (size == 0) return 1;
  int exponent = 0;
  std::frexp(size, &exponent);
  return std::ldexp(1, std::clamp(exponent, -kMost, kMost));
}

/// x times a power of two, rounded towards -infinity; a finite one stays finite above.
inline double scaled_down(double x, double power) {
  const double y = x * power;
  if (y / power == x) return y;
  return y == HUGE_VAL ? std::numeric_limits<double>::max() : std::nextafter(y, -HUGE_VAL);
}
inline double scaled_up(double x, double power) {
  return -scaled_down(-x, power);
}

}  // namespace espalier::linear
