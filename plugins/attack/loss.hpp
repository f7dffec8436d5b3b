// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace espalier::attack {

/// What an attack wants: any class but `label`, or the class `target`.
struct Goal {
  std::int64_t label = 0;
  std::optional<std::int64_t> target;
};

// Each function writes the gradient, with respect to the scores, of what an attack ascends. Only its direction is
// meant: a positive factor may be missing.

/// Cross-entropy of the label, or minus that of the target. Divided by 1 - p of that class, so that a network that is
/// sure of itself does not make it vanish.
void cross_entropy(std::span<const float> scores, const Goal& goal, std::span<float> coefficient);
/// Score of `other` minus score of the label.
void margin(const Goal& goal, std::int64_t other, std::span<float> coefficient);
/// Difference of logits ratio, Croce and Hein 2020, equation 6; the margin to the best other class where that is
/// undefined. With a target, the best other class is the target.
void logits_ratio(std::span<const float> scores, const Goal& goal, std::span<float> coefficient);

/// The class with the largest score among all but `label`; -1 when there is none.
template <class T>
std::int64_t best_other(std::span<const T> scores, std::int64_t label) {
  std::int64_t best = -1;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    if (at != label && (best < 0 || scores[i] > scores[static_cast<std::size_t>(best)])) best = at;
  }
  return best;
}

/// Whether the scores are what the attack wants: a score that ties with the label's is.
template <class T>
bool reached(std::span<const T> scores, const Goal& goal) {
  const std::int64_t wanted = goal.target ? *goal.target : best_other(scores, goal.label);
  if (wanted < 0) return false;
  const T score = scores[static_cast<std::size_t>(wanted)];
  if (!goal.target) return scores[static_cast<std::size_t>(goal.label)] <= score;
  for (const T other : scores) {
    if (!(other <= score)) return false;
  }
  return true;
}

}  // namespace espalier::attack
