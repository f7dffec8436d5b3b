// SPDX-License-Identifier: Apache-2.0
#include "loss.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace espalier::attack {

void cross_entropy(std::span<const float> scores, const Goal& goal, std::span<float> coefficient) {
  const std::int64_t wanted = goal.target.value_or(goal.label);
  const double sign = goal.target ? -1 : 1;
  const auto at = static_cast<std::size_t>(wanted);
  std::fill(coefficient.begin(), coefficient.end(), 0.0F);
  const std::int64_t other = best_other(scores, wanted);
  if (other < 0) return;
  const double largest = scores[static_cast<std::size_t>(other)];
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (i != at) sum += std::exp(scores[i] - largest);
  }
  for (std::size_t i = 0; i < scores.size(); ++i) {
    coefficient[i] = static_cast<float>(sign * (i == at ? -1 : std::exp(scores[i] - largest) / sum));
  }
}

void margin(const Goal& goal, std::int64_t other, std::span<float> coefficient) {
  std::fill(coefficient.begin(), coefficient.end(), 0.0F);
  coefficient[static_cast<std::size_t>(other)] = 1;
  coefficient[static_cast<std::size_t>(goal.label)] = -1;
}

void logits_ratio(std::span<const float> scores, const Goal& goal, std::span<float> coefficient) {
  const std::int64_t other = goal.target ? *goal.target : best_other(scores, goal.label);
  if (other < 0) return std::fill(coefficient.begin(), coefficient.end(), 0.0F);
  margin(goal, other, coefficient);
  if (scores.size() < 3) return;
  std::vector<std::size_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::partial_sort(order.begin(), order.begin() + 3, order.end(),
                    [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  const double range = static_cast<double>(scores[order[0]]) - scores[order[2]];
  if (!(range > 0)) return;
  // The ratio is a / range with a = other - label; its gradient times range is grad a - (a / range) grad range.
  const double a =
      static_cast<double>(scores[static_cast<std::size_t>(other)]) - scores[static_cast<std::size_t>(goal.label)];
  const auto ratio = static_cast<float>(a / range);
  coefficient[order[0]] -= ratio;
  coefficient[order[2]] += ratio;
}

}  // namespace espalier::attack
