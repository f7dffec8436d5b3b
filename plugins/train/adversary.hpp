// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "boxes.hpp"

namespace espalier::train {

struct Climb {
  std::int64_t steps = 0;
  double step = 0;  ///< as a share of the radius
};

/// Images within `radius` of `x` whose cross entropy is high: projected gradient descent (Madry et al. 2018) from a
/// random point of the box, which the generator draws. No gradient flows through them.
at::Tensor adversaries(const Steps& steps, const at::Tensor& x, const at::Tensor& one_hot, double radius,
                       const Climb& climb, at::Generator& generator);

}  // namespace espalier::train
