// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include <abstract/rounding.hpp>

namespace espalier::crown {

/// A certified lower bound of a goal: at least base + slopes . noise for noise in [-1, 1]^n.
struct Plane {
  double base = 0;
  std::span<const double> slopes;
};

/// A certified lower bound of the plane over a box of noise.
double lowest(const Plane& plane, std::span<const abstract::Interval> noise);

/// Cuts a box of noise to what may lie on the lower side of all planes, plane <= 0, and contains all that does
/// ("relaxed clip": each plane with the box, direction by direction). False when nothing is left.
bool clip(std::span<const Plane> planes, std::span<abstract::Interval> noise);

}  // namespace espalier::crown
