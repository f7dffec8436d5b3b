// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "chain.hpp"
#include "kernels.hpp"

namespace espalier::train {

/// One batch of a fixed size forward and backward through a chain.
class Pass {
 public:
  Pass(const Chain& chain, std::int64_t rows);
  virtual ~Pass() = default;

  std::int64_t rows() const { return batch_.size(0); }
  at::Tensor& batch() { return batch_; }
  at::Tensor& labels() { return labels_; }

  /// From `batch` and `labels` to the chain's gradients, of the mean loss; adds to `totals` as Kernels::cross_entropy.
  virtual void run(at::Tensor& totals) = 0;

 private:
  at::Tensor batch_;
  at::Tensor labels_;
};

/// Of the cross entropy of the batch as it is, without autograd: every buffer is allocated once.
class CleanPass final : public Pass {
 public:
  /// The chain and the kernels outlive the pass.
  CleanPass(Chain& chain, const Kernels& kernels, std::int64_t rows);

  void run(at::Tensor& totals) override;

 private:
  void forward();
  void backward();

  Chain* chain_;
  const Kernels* kernels_;
  std::vector<at::Tensor> values_;     ///< [i] enters node i, the last are the scores
  std::vector<at::Tensor> gradients_;  ///< of the loss, by value
  std::vector<BatchNormSaved> saved_;  ///< by node; empty but for batch norms
};

}  // namespace espalier::train
