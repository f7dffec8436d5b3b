// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <limits>

namespace espalier::crown {

/// The nearest float, or 0 where that would be denormal: such a number has lost most of its digits, and a device may
/// take it for 0. Whoever rounds a number that a bound rests on charges lost_in_float() for it.
inline float normal_float(double x) {
  const auto f = static_cast<float>(x);
  return std::abs(f) < std::numeric_limits<float>::min() ? 0.0F : f;
}

/// |x - normal_float(x)|, exactly; infinite where a float is not large enough.
inline double lost_in_float(double x) {
  return std::abs(x - static_cast<double>(normal_float(x)));
}

/// A float that is no less than x > 0, and not denormal.
inline float normal_above(double x) {
  const auto f = static_cast<float>(x);
  const float above = static_cast<double>(f) < x ? std::nextafter(f, HUGE_VALF) : f;
  return x > 0 ? std::fmax(above, std::numeric_limits<float>::min()) : above;
}

}  // namespace espalier::crown
