// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "clip.hpp"
#include "zonotope.hpp"

namespace espalier::crown {

/// One goal of a case has to hold at every input, so it is enough that a sum of them with weights >= 0 is positive: a
/// violation would make every term at most 0. Looks for weights with a good bound by a few steps of ascent on the
/// concave function of the weights that the bound is.
class Combination {
 public:
  /// For goals [first, first + count) of the zonotope's last box, starting from one of them. Needs: count > 0.
  void find(const Zonotope& zonotope, std::size_t first, std::size_t count, std::size_t start);

  double bound() const { return bound_; }  ///< certified; -infinity when nothing is known
  /// As Zonotope::goal_plane; lives until the next find().
  Plane plane() const { return plane_; }

 private:
  void blend(const Zonotope& zonotope, std::size_t first);
  void step(const Zonotope& zonotope, std::size_t first, double length);

  std::vector<double> weights_;
  std::vector<double> best_weights_;
  std::vector<double> gradient_;
  std::vector<double> row_;
  double error_ = 0;
  double bound_ = 0;
  Plane plane_;
};

}  // namespace espalier::crown
