// SPDX-License-Identifier: Apache-2.0
#include "clip.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace espalier::crown {
namespace {

using abstract::Interval;

/// Far above the rounding of sums of fewer than 2^10 products, far below what a cut is good for.
constexpr double kSafety = 0x1p-40;

}  // namespace

double lowest(const Plane& plane, std::span<const Interval> noise) {
  double sum = plane.base;
  double size = std::abs(plane.base);
  for (std::size_t d = 0; d < noise.size(); ++d) {
    const double slope = plane.slopes[d];
    sum += slope > 0 ? slope * noise[d].low : slope * noise[d].high;
    size += std::abs(slope);
  }
  return abstract::or_nothing(sum - kSafety * size);
}

bool clip(std::span<const Plane> planes, std::span<Interval> noise) {
  for (const Plane& plane : planes) {
    const double least = lowest(plane, noise);
    if (least > 0) return false;
    for (std::size_t d = 0; d < noise.size(); ++d) {
      // From the end where the plane is lowest, it may rise by -least.
      const double room = -least / std::abs(plane.slopes[d]) * (1 + kSafety) + kSafety;
      if (!(room < 2)) continue;
      if (plane.slopes[d] > 0) {
        noise[d].high = std::min(noise[d].high, noise[d].low + room);
      } else {
        noise[d].low = std::max(noise[d].low, noise[d].high - room);
      }
    }
  }
  return true;
}

}  // namespace espalier::crown
