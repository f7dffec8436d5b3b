// SPDX-License-Identifier: Apache-2.0
#include "boxes.hpp"

#include <utility>

#include <ATen/ATen.h>

#include <espalier/network.hpp>

namespace espalier::train {

namespace {

Boxes between(const at::Tensor& low, const at::Tensor& high) {
  return {(low + high) * 0.5, (high - low) * 0.5};
}

Boxes apply_to(const Step& step, const Boxes& x) {
  if (!step.weight.defined()) return between(at::relu(x.centre - x.radius), at::relu(x.centre + x.radius));
  if (step.weight.dim() == 1) return {apply(step, x.centre), x.radius * step.weight.abs()};
  return {apply(step, x.centre), at::mm(x.radius, step.weight.abs().t())};
}

}  // namespace

Step linear_step(const LinearNode& node) {
  return {node.weight.value, node.bias.value};
}

Step scale_step(const BatchNormNode& node, const at::Tensor& mean, const at::Tensor& variance) {
  const at::Tensor scale = node.gamma.value * at::rsqrt(variance + node.epsilon);
  return {scale, node.beta.value - mean * scale};
}

Steps steps_of(const std::vector<Node>& nodes) {
  Steps steps;
  for (const Node& node : nodes) {
    steps.push_back(std::visit(Overloaded{
                                   [](const LinearNode& n) { return linear_step(n); },
                                   [](const BatchNormNode& n) { return scale_step(n, n.mean, n.variance); },
                                   [](const ReluNode&) { return Step{}; },
                               },
                               node.op));
  }
  return steps;
}

at::Tensor apply(const Step& step, const at::Tensor& x) {
  if (!step.weight.defined()) return at::relu(x);
  if (step.weight.dim() == 1) return x * step.weight + step.bias;
  return at::addmm(step.bias, x, step.weight.t());
}

at::Tensor apply(const Steps& steps, at::Tensor x) {
  for (const Step& step : steps) x = apply(step, x);
  return x;
}

Boxes boxes_around(const at::Tensor& x, double radius) {
  return between((x - radius).clamp_min(0), (x + radius).clamp_max(1));
}

std::vector<Boxes> propagate(const Steps& steps, const Boxes& inputs) {
  std::vector<Boxes> entering{inputs};
  for (std::size_t i = 0; i + 1 < steps.size(); ++i) entering.push_back(apply_to(steps[i], entering.back()));
  return entering;
}

at::Tensor worst_scores(const Step& last, const Boxes& entering, const at::Tensor& one_hot) {
  // [rows, classes, width]: the row of each class minus that of the label.
  const at::Tensor weight = last.weight.unsqueeze(0) - at::mm(one_hot, last.weight).unsqueeze(1);
  const at::Tensor bias = last.bias.unsqueeze(0) - at::mv(one_hot, last.bias).unsqueeze(1);
  const at::Tensor centre = (weight * entering.centre.unsqueeze(1)).sum(2) + bias;
  return centre + (weight.abs() * entering.radius.unsqueeze(1)).sum(2);
}

at::Tensor stability_loss(const Steps& steps, const std::vector<Boxes>& entering) {
  at::Tensor sum = at::zeros({}, entering.front().centre.options());
  for (std::size_t i = 0; i < entering.size(); ++i) {
    if (steps[i].weight.defined()) continue;
    const auto& [centre, radius] = entering[i];
    sum = sum - at::tanh((centre - radius) * (centre + radius) + 1).sum();
  }
  return sum / entering.front().centre.size(0);
}

}  // namespace espalier::train
