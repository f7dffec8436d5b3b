// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "model.hpp"

namespace espalier::crown::device {

/// Domains while they are bounded, one a lane. Columns are the neurons that may be split.
struct Lanes {
  at::Tensor goal;      ///< int64
  at::Tensor sign;      ///< float [n, columns]: the phase of a split neuron, +1 or -1; else 0
  at::Tensor variable;  ///< float [n, columns]: the slope of a free neuron, the multiplier of a split one

  std::int64_t size() const { return goal.size(0); }
};

/// Certified lower bounds of goals minus their thresholds: crown::Bounder's arithmetic, step by step, with a row of
/// tensors in place of a lane and thousands of rows in place of 64. Gradients are analytic here too.
class Bounder {
 public:
  /// Borrows the model.
  explicit Bounder(const Model& model) : model_(&model) {}

  /// What a lane takes while it is bounded.
  static std::size_t bytes_of_lane(const Model& model);

  /// The bounds with slopes and multipliers as they are; -infinity where nothing is known.
  at::Tensor bound_once(const Lanes& lanes);

  /// Improves slopes and multipliers. Lanes whose bound exceeds 0 are dropped on the way, and `closed` becomes the
  /// smallest such bound if that is smaller. The others stay in `lanes` with the best variables found; returns which
  /// they were.
  at::Tensor improve(Lanes& lanes, const Effort& effort, at::Tensor& closed);
  /// Of improve(): the best bound, and what the error terms of float took from it.
  const at::Tensor& best() const { return best_; }
  const at::Tensor& best_loss() const { return best_loss_; }
  /// The points of the box, [n, inputs], where the last bounds are attained, and the network's outputs there.
  const at::Tensor& points() const { return points_; }
  at::Tensor outputs() const;
  /// What the relaxation of every free neuron costs at the last bound; -1 for split ones. [n, columns]
  at::Tensor costs(const Lanes& lanes, float gap_weight);

 private:
  struct Relaxed {
    at::Tensor low, high, offset, beta;  ///< [n, elements]
  };

  void load(const Lanes& lanes);
  void set_variables(const Lanes& lanes);
  void backward(const Lanes& lanes);
  void forward();
  void ascend(Lanes& lanes, const Effort& effort, int iteration);
  void keep_best(const Lanes& lanes);
  void pick(const at::Tensor& which, Lanes& lanes);

  const Model* model_;
  Relaxed relaxed_;
  at::Tensor split_, open_;                  ///< of the lanes' columns: is split; is split and open, as 0 or 1
  at::Tensor coefficients_, slope_, moved_;  ///< [n, elements]: on a value, its chosen slope, before its ReLU
  at::Tensor before_, after_;                ///< [n, elements]: the relaxed network at the points
  at::Tensor points_;
  at::Tensor bound_, loss_;
  at::Tensor best_, best_loss_, best_variable_;
  at::Tensor first_, second_;  ///< Adam's moments
};

}  // namespace espalier::crown::device
