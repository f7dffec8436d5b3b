// SPDX-License-Identifier: Apache-2.0
#include "robust_loss.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <espalier/network.hpp>

#include "kernels.hpp"

namespace espalier::train {

namespace {

void move_statistics(const BatchNormNode& node, const at::Tensor& mean, const at::Tensor& variance, std::int64_t rows) {
  const c10::AutoGradMode no_gradients(false);
  const double unbiased = static_cast<double>(rows) / static_cast<double>(rows - 1);
  at::Tensor running_mean = node.mean;
  at::Tensor running_variance = node.variance;
  running_mean.add_(mean - running_mean, kStatisticsMomentum);
  running_variance.add_(variance * unbiased - running_variance, kStatisticsMomentum);
}

/// Batch norm with the statistics of what enters it.
Step normalising_step(const BatchNormNode& node, const at::Tensor& x) {
  const at::Tensor mean = x.mean(0);
  const at::Tensor variance = (x - mean).square().mean(0);
  move_statistics(node, mean, variance, x.size(0));
  return scale_step(node, mean, variance);
}

struct CleanRun {
  Steps steps;
  at::Tensor scores;
};

CleanRun run_clean(const std::vector<Node>& nodes, const at::Tensor& x) {
  CleanRun run{{}, x};
  for (const Node& node : nodes) {
    run.steps.push_back(std::visit(Overloaded{
                                       [](const LinearNode& n) { return linear_step(n); },
                                       [&](const BatchNormNode& n) { return normalising_step(n, run.scores); },
                                       [](const ReluNode&) { return Step{}; },
                                   },
                                   node.op));
    run.scores = apply(run.steps.back(), run.scores);
  }
  return run;
}

}  // namespace

at::Tensor robust_loss(const Recipe& recipe, const Steps& steps, const at::Tensor& x, const at::Tensor& labels,
                       at::Generator& generator) {
  const at::Tensor one_hot = at::one_hot(labels, steps.back().bias.size(0)).to(x.scalar_type());
  const auto attack = [&](double radius) { return adversaries(steps, x, one_hot, radius, recipe.climb, generator); };
  const auto worst_in = [&](const Boxes& boxes) {
    const at::Tensor scores = worst_scores(steps.back(), propagate(steps, boxes).back(), one_hot);
    return at::cross_entropy_loss(scores, labels);
  };
  switch (recipe.method) {
    case Method::pgd:
      return at::cross_entropy_loss(apply(steps, attack(recipe.epsilon)), labels);
    case Method::ibp:
      return worst_in(boxes_around(x, recipe.epsilon));
    case Method::sabr: {
      const double radius = recipe.small_box * recipe.epsilon;
      return worst_in(boxes_around(attack(recipe.epsilon - radius), radius));
    }
  }
  return {};
}

TrainingLoss training_loss(const Recipe& recipe, const std::vector<Node>& nodes, const at::Tensor& x,
                           const at::Tensor& labels, at::Generator& generator) {
  const CleanRun clean = run_clean(nodes, x);
  at::Tensor loss = robust_loss(recipe, clean.steps, x, labels, generator) * (1 - recipe.kappa);
  if (recipe.kappa > 0) loss = loss + at::cross_entropy_loss(clean.scores, labels) * recipe.kappa;
  if (recipe.relu_stability > 0) {
    const std::vector<Boxes> bounds = propagate(clean.steps, boxes_around(x, recipe.epsilon));
    loss = loss + stability_loss(clean.steps, bounds) * recipe.relu_stability;
  }
  return {loss, clean.scores};
}

}  // namespace espalier::train
