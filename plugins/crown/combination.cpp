// SPDX-License-Identifier: Apache-2.0
#include "combination.hpp"

#include <algorithm>
#include <cmath>

namespace espalier::crown {
namespace {

constexpr int kSteps = 8;
/// Far above the rounding of a blend and of a sum of so many numbers, far below what a bound is good for.
double safety_of(std::size_t terms) {
  return 0x1p-38 + 0x1p-51 * static_cast<double>(terms);
}

double sum_of_sizes(std::span<const double> row) {
  double sum = 0;
  for (const double x : row) sum += std::abs(x);
  return sum;
}

}  // namespace

void Combination::find(const Zonotope& zonotope, std::size_t first, std::size_t count, std::size_t start) {
  weights_.assign(count, 0);
  weights_[start - first] = 1;
  best_weights_ = weights_;
  double best = -HUGE_VAL;
  for (int k = 0; k < kSteps; ++k) {
    blend(zonotope, first);
    if (bound_ > best) {
      best = bound_;
      best_weights_ = weights_;
    }
    if (best > 0) break;
    step(zonotope, first, 0.5 / (k + 1));
  }
  weights_ = best_weights_;
  blend(zonotope, first);
}

void Combination::blend(const Zonotope& zonotope, std::size_t first) {
  row_.assign(zonotope.goal_row(first).size(), 0);
  error_ = 0;
  const double safety = safety_of(row_.size() + weights_.size());
  for (std::size_t g = 0; g < weights_.size(); ++g) {
    if (weights_[g] == 0) continue;
    const std::span<const double> row = zonotope.goal_row(first + g);
    for (std::size_t c = 0; c < row.size(); ++c) row_[c] += weights_[g] * row[c];
    error_ += weights_[g] * (zonotope.goal_error(first + g) + safety * sum_of_sizes(row));
  }
  error_ *= 1 + safety;
  const std::size_t n = zonotope.directions().size();
  const std::span<const double> slopes = std::span<const double>(row_).subspan(1, n);
  const double others = sum_of_sizes(std::span<const double>(row_).subspan(n + 1));
  plane_ = {abstract::or_nothing(row_[0] - others - error_), slopes};
  bound_ = abstract::or_nothing(plane_.base - sum_of_sizes(slopes));
}

/// Moves the weights along the supergradient, which is what each goal's row is worth at the blend's minimiser.
void Combination::step(const Zonotope& zonotope, std::size_t first, double length) {
  gradient_.assign(weights_.size(), 0);
  double mean = 0;
  for (std::size_t g = 0; g < weights_.size(); ++g) {
    const std::span<const double> row = zonotope.goal_row(first + g);
    double value = row[0] - zonotope.goal_error(first + g);
    for (std::size_t c = 1; c < row.size(); ++c) value -= std::copysign(row[c], row[c] * row_[c]);
    gradient_[g] = value;
    mean += value / static_cast<double>(weights_.size());
  }
  double size = 0;
  for (double& g : gradient_) size = std::max(size, std::abs(g -= mean));
  if (!(size > 0)) return;
  double total = 0;
  for (std::size_t g = 0; g < weights_.size(); ++g) {
    weights_[g] = std::max(0.0, weights_[g] + length * gradient_[g] / size);
    total += weights_[g];
  }
  for (double& w : weights_) w /= total;
}

}  // namespace espalier::crown
