// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>

#include <espalier/results.hpp>

namespace espalier::attack {

/// The range of one pixel: the reals within `epsilon` of `centre` that lie in [low, high].
struct PixelRange {
  float centre = 0;
  double epsilon = 0;
  double low = 0;
  double high = 1;

  bool contains(float x) const { return low <= x && x <= high && is_within(x, centre, epsilon); }

  /// The float of the range nearest to `x`, or one beside it: rounded towards the centre, never out of the range. The
  /// centre for a NaN. Needs: contains(centre).
  float nearest(double x) const {
    const double there = std::clamp(std::clamp(x, centre - epsilon, centre + epsilon), low, high);
    auto candidate = static_cast<float>(there);
    for (int step = 0; step < 3; ++step) {
      if (contains(candidate)) return candidate;
      candidate = std::nextafter(candidate, centre);
    }
    return centre;
  }
};

}  // namespace espalier::attack
