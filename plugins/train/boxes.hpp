// SPDX-License-Identifier: Apache-2.0
#pragma once

// Interval bound propagation (Gowal et al. 2018) in plain tensors, so that gradients can flow through it. Bounds are
// rounded to nearest: good to learn from, no proof.

#include <vector>

#include <ATen/core/Tensor.h>

#include "chain.hpp"

namespace espalier::train {

/// A node of a chain with batch norm as a fixed scale: y = W x + b, y = w * x + b or y = max(x, 0).
struct Step {
  at::Tensor weight;  ///< [out, in], or [width] of a scale, or undefined for ReLU
  at::Tensor bias;
};
using Steps = std::vector<Step>;

/// The step that a node is; batch norm with given statistics.
Step linear_step(const LinearNode& node);
Step scale_step(const BatchNormNode& node, const at::Tensor& mean, const at::Tensor& variance);
/// The whole chain as it computes after training: batch norm with its running statistics.
Steps steps_of(const std::vector<Node>& nodes);

at::Tensor apply(const Step& step, const at::Tensor& x);
at::Tensor apply(const Steps& steps, at::Tensor x);

/// A box a row: everything within radius of centre.
struct Boxes {
  at::Tensor centre;
  at::Tensor radius;
};

/// What lies within `radius` of `x` and is an image: pixels are 0 to 1.
Boxes boxes_around(const at::Tensor& x, double radius);
/// Contain what the steps make of the boxes: [i] enters step i. The last step is left out, see `worst_scores`.
std::vector<Boxes> propagate(const Steps& steps, const Boxes& inputs);
/// Upper bounds of score - score of the label, by row and class: 0 for the label itself. The last linear step is merged
/// with the differences, so what two scores share cancels.
at::Tensor worst_scores(const Step& last, const Boxes& entering, const at::Tensor& one_hot);
/// Mean over the rows of the sum of -tanh(1 + l u) over all hidden neurons with bounds l and u: least when none can
/// change sign. Xiao et al. 2019, section 3.3.
at::Tensor stability_loss(const Steps& steps, const std::vector<Boxes>& entering);

}  // namespace espalier::train
