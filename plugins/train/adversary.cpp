// SPDX-License-Identifier: Apache-2.0
#include "adversary.hpp"

#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace espalier::train {

namespace {

/// Of the cross entropy with respect to the input, up to a positive factor. Hand-written: what a step of the climb
/// costs is what training costs, and the weights' gradients are not wanted.
at::Tensor input_gradient(const Steps& steps, const at::Tensor& x, const at::Tensor& one_hot) {
  std::vector<at::Tensor> values{x};
  for (const Step& step : steps) values.push_back(apply(step, values.back()));
  at::Tensor gradient = at::softmax(values.back(), 1) - one_hot;
  for (std::size_t i = steps.size(); i-- > 0;) {
    const at::Tensor& weight = steps[i].weight;
    if (!weight.defined()) {
      gradient = at::threshold_backward(gradient, values[i + 1], 0);
    } else {
      gradient = weight.dim() == 1 ? gradient * weight : at::mm(gradient, weight);
    }
  }
  return gradient;
}

}  // namespace

at::Tensor adversaries(const Steps& steps, const at::Tensor& x, const at::Tensor& one_hot, double radius,
                       const Climb& climb, at::Generator& generator) {
  const c10::AutoGradMode no_gradients(false);
  const at::Tensor low = (x - radius).clamp_min(0);
  const at::Tensor high = (x + radius).clamp_max(1);
  const at::Tensor share = at::empty(x.sizes(), x.options().device(at::kCPU)).uniform_(0, 1, generator).to(x.device());
  at::Tensor point = low + share * (high - low);
  for (std::int64_t i = 0; i < climb.steps; ++i) {
    point.add_(input_gradient(steps, point, one_hot).sign_(), climb.step * radius);
    point.clamp_(low, high);
  }
  return point;
}

}  // namespace espalier::train
