// SPDX-License-Identifier: Apache-2.0
#include "robust_pass.hpp"

#include <variant>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <espalier/network.hpp>

namespace espalier::train {

namespace {

/// The nodes with parameters of which autograd collects gradients.
std::vector<Node> with_leaves(std::vector<Node> nodes) {
  const auto leaf = [](Parameter& parameter) { parameter.value = parameter.value.detach().requires_grad_(); };
  for (Node& node : nodes) {
    std::visit(Overloaded{
                   [&](LinearNode& n) { leaf(n.weight), leaf(n.bias); },
                   [&](BatchNormNode& n) { leaf(n.gamma), leaf(n.beta); },
                   [](ReluNode&) {},
               },
               node.op);
  }
  return nodes;
}

void copy_gradient(const Parameter& parameter) {
  at::Tensor to = parameter.gradient;
  to.copy_(parameter.value.grad());
}

}  // namespace

void RobustPass::run(at::Tensor& totals) {
  ctx_.check_stop();
  const c10::AutoGradMode gradients(true);
  const std::vector<Node> nodes = with_leaves(chain_.nodes());
  const auto [loss, scores] = training_loss(recipe_, nodes, batch(), labels(), generator_);
  loss.backward();
  collect(nodes);
  totals[0].add_(loss.detach().to(at::kDouble), static_cast<double>(rows()));
  totals[1].add_(scores.detach().argmax(1).eq(labels()).sum().to(at::kDouble));
}

void RobustPass::collect(const std::vector<Node>& nodes) const {
  const c10::AutoGradMode no_gradients(false);
  for (const Node& node : nodes) {
    std::visit(Overloaded{
                   [&](const LinearNode& n) {
                     copy_gradient(n.weight), copy_gradient(n.bias);
                     at::Tensor gradient = n.weight.gradient;
                     if (l1_ > 0) gradient.add_(n.weight.value.sign(), l1_);
                   },
                   [](const BatchNormNode& n) { copy_gradient(n.gamma), copy_gradient(n.beta); },
                   [](const ReluNode&) {},
               },
               node.op);
  }
}

}  // namespace espalier::train
