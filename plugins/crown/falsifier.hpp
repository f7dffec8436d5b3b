// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "goal.hpp"
#include "lanes.hpp"
#include "program.hpp"

namespace espalier::crown {

struct AttackOptions {
  int restarts = 8;  ///< a case; the first starts at the centre of the box
  int steps = 40;
  std::uint64_t seed = 1;
  int threads = 1;
};

/// Projected gradient descent (Madry et al. 2018) on the largest goal of every case, or, every other restart, on the
/// sum of its goals after a few steps along a random direction of the outputs; all restarts of all cases in lanes;
/// steps shrink from a quarter of the box. True when `try_point` accepted a point.
bool falsify(const Program& program, std::span<const Case> cases, const AttackOptions& options,
             const TryPoint& try_point, const MayContinue& may_continue);

}  // namespace espalier::crown
