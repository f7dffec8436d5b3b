// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "rounding.hpp"

namespace espalier::abstract {

/// The inputs within `epsilon` of `centre`, clipped to [clip.low, clip.high]: exactly these reals. Borrows the centre.
class Box {
 public:
  Box(std::span<const float> centre, double epsilon, Interval clip);
  /// Any ranges, for bounds only: such a box has no centre, and no points can be asked for.
  explicit Box(Intervals hull);

  /// No input, or a bound that is not a number.
  bool empty() const { return empty_; }
  std::size_t size() const { return hull_.size(); }
  std::span<const float> centre() const { return centre_; }
  /// Contains every input of the box, rounded outward. Needs: not empty.
  const Intervals& hull() const { return hull_; }

  /// Of a box around a centre: its radius and what it is clipped to.
  double epsilon() const { return epsilon_; }
  Interval clip() const { return clip_; }

  /// Whether a number lies in the box's range of a coordinate, decided exactly. Needs: a box around a centre.
  bool contains(std::size_t coordinate, double x) const;
  /// A point of floats in the box near `point`; nothing when a coordinate's range holds no float near it.
  std::optional<std::vector<float>> round_into(std::span<const double> point) const;

 private:
  std::optional<float> round_into(std::size_t coordinate, double x) const;

  std::span<const float> centre_;
  double epsilon_ = 0;
  Interval clip_;
  Intervals hull_;
  bool empty_ = false;
};

}  // namespace espalier::abstract
