// SPDX-License-Identifier: Apache-2.0
// The same steps for any device LibTorch knows.

#include <ATen/ATen.h>

#include "kernels.hpp"

namespace espalier::train {

namespace {

class AtenKernels final : public Kernels {
 public:
  void load(const at::Tensor& images, const at::Tensor& index, at::Tensor& batch) const override {
    // A divisor that is a tensor of the device: CUDA multiplies with the reciprocal of a constant, which rounds
    // otherwise.
    const at::Tensor white = at::full({}, 255.0F, batch.options());
    at::div_out(batch, images.index_select(0, index).to(at::kFloat), white);
  }

  void relu(const at::Tensor& x, at::Tensor& y) const override { at::clamp_min_out(y, x, 0); }

  void relu_backward(const at::Tensor& y, const at::Tensor& dy, at::Tensor& dx) const override {
    dx.copy_(dy).masked_fill_(y.le(0), 0);
  }

  void batch_norm(const BatchNormNode& node, const at::Tensor& x, BatchNormSaved& saved, at::Tensor& y) const override {
    const auto rows = static_cast<double>(x.size(0));
    saved.mean.copy_(x.mean(0));
    at::sub_out(saved.normalised, x, saved.mean);
    const at::Tensor variance = saved.normalised.square().mean(0);
    at::rsqrt_out(saved.scale, variance + node.epsilon);
    saved.normalised.mul_(saved.scale);
    at::addcmul_out(y, node.beta.value, saved.normalised, node.gamma.value);
    node.mean.lerp_(saved.mean, kStatisticsMomentum);
    node.variance.lerp_(variance * (rows / (rows - 1)), kStatisticsMomentum);
  }

  void batch_norm_backward(const BatchNormNode& node, const BatchNormSaved& saved, const at::Tensor& dy,
                           at::Tensor& dx) const override {
    const auto share = 1.0 / static_cast<double>(dy.size(0));
    node.beta.gradient.copy_(dy.sum(0));
    node.gamma.gradient.copy_((dy * saved.normalised).sum(0));
    at::addcmul_out(dx, node.beta.gradient, saved.normalised, node.gamma.gradient);
    dx.mul_(-share).add_(dy).mul_(node.gamma.value * saved.scale);
  }

  void column_sums(const at::Tensor& x, at::Tensor& sums) const override { sums.copy_(x.sum(0)); }

  void cross_entropy(const at::Tensor& scores, const at::Tensor& labels, at::Tensor& dscores,
                     at::Tensor& totals) const override {
    const at::Tensor classes = at::arange(scores.size(1), labels.options());
    const at::Tensor is_label = classes.eq(labels.unsqueeze(1));
    const at::Tensor log_shares = at::log_softmax(scores, 1);
    const at::Tensor loss = log_shares.masked_fill(is_label.logical_not(), 0).sum().neg();
    const at::Tensor right = scores.argmax(1).eq(labels).sum();
    totals.add_(at::stack({loss.to(at::kDouble), right.to(at::kDouble)}));
    dscores.copy_(log_shares.exp().sub_(is_label.to(at::kFloat))).div_(scores.size(0));
  }

  void descend(const at::Tensor& values, const at::Tensor& gradients, const at::Tensor& velocity,
               const Descent& by) const override {
    const at::Tensor gradient = gradients.add(values, by.weight_decay);
    velocity.mul_(by.momentum).add_(gradient);
    values.sub_(gradient.add_(velocity, by.momentum), by.learning_rate);
  }
};

}  // namespace

std::unique_ptr<Kernels> aten_kernels() {
  return std::make_unique<AtenKernels>();
}

}  // namespace espalier::train
