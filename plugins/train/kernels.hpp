// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <ATen/core/Tensor.h>

#include "chain.hpp"

namespace espalier::train {

/// What batch norm keeps from the way forward for the way back.
struct BatchNormSaved {
  at::Tensor normalised;  ///< [rows, width], before gamma and beta
  at::Tensor mean;        ///< [width], of the batch
  at::Tensor scale;       ///< [width], 1 / sqrt(variance + epsilon) of the batch
};

struct Descent {
  double learning_rate;
  double momentum;
  double weight_decay;
};

/// The steps of training that are not matrix products. Two implementations: plain loops for the CPU, where the cost of
/// dispatching an operation is higher than that of its arithmetic, and ATen operations for any device. Batches are
/// float32 [rows, width]; outputs are allocated by the caller.
class Kernels {
 public:
  virtual ~Kernels() = default;

  /// batch[i] = images[index[i]] / 255.
  virtual void load(const at::Tensor& images, const at::Tensor& index, at::Tensor& batch) const = 0;
  virtual void relu(const at::Tensor& x, at::Tensor& y) const = 0;
  /// dx = dy where y > 0, else 0.
  virtual void relu_backward(const at::Tensor& y, const at::Tensor& dy, at::Tensor& dx) const = 0;
  /// Normalises with the statistics of the batch and moves the running ones a tenth of the way towards them.
  virtual void batch_norm(const BatchNormNode& node, const at::Tensor& x, BatchNormSaved& saved,
                          at::Tensor& y) const = 0;
  virtual void batch_norm_backward(const BatchNormNode& node, const BatchNormSaved& saved, const at::Tensor& dy,
                                   at::Tensor& dx) const = 0;
  virtual void column_sums(const at::Tensor& x, at::Tensor& sums) const = 0;
  /// Cross entropy of softmax(scores): its gradient for the mean over the batch, and two f64 totals, of the loss and of
  /// the images classified right, that are added to.
  virtual void cross_entropy(const at::Tensor& scores, const at::Tensor& labels, at::Tensor& dscores,
                             at::Tensor& totals) const = 0;
  /// g = gradient + decay w; v = momentum v + g; w -= rate (g + momentum v). Nesterov, as torch::optim::SGD writes it.
  virtual void descend(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& velocity,
                       const Descent& by) const = 0;
};

inline constexpr double kStatisticsMomentum = 0.1;  ///< of batch norm's running statistics

std::unique_ptr<Kernels> cpu_kernels();
std::unique_ptr<Kernels> aten_kernels();

}  // namespace espalier::train
