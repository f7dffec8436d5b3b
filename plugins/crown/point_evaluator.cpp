// SPDX-License-Identifier: Apache-2.0
#include "point_evaluator.hpp"

#include <algorithm>
#include <numeric>

namespace espalier::crown {

PointEvaluator::PointEvaluator(const FormNetwork& network) : network_(&network) {
  int widest = 0;
  for (int v = 0; v < network.values(); ++v) {
    values_.emplace_back(static_cast<std::size_t>(network.size(v)) * kPoints).fill(0);
    widest = std::max(widest, network.size(v));
  }
  all_.resize(static_cast<std::size_t>(widest));
  std::iota(all_.begin(), all_.end(), 0);
}

void PointEvaluator::run() {
  for (int v = 1; v < network_->values(); ++v) compute(v);
}

void PointEvaluator::compute(int value) {
  const FormStep& step = network_->step(value);
  Aligned<double>& x = values_[static_cast<std::size_t>(step.first)];
  Aligned<double>& y = values_[static_cast<std::size_t>(value)];
  constexpr int kColumns = static_cast<int>(kPoints);
  switch (step.kind) {
    case FormStep::Kind::affine:
      step.matrix->multiply({all_.data(), network_->size(step.first)}, kColumns, {x.data(), kColumns},
                            {y.data(), kColumns});
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += step.bias[i / kPoints];
      break;
    case FormStep::Kind::relu:
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::max(x[i], 0.0);
      break;
    case FormStep::Kind::add: {
      const Aligned<double>& other = values_[static_cast<std::size_t>(step.second)];
      for (std::size_t i = 0; i < y.size(); ++i) y[i] = x[i] + other[i];
      break;
    }
    case FormStep::Kind::same:
      std::copy_n(x.data(), y.size(), y.data());
      break;
  }
}

}  // namespace espalier::crown
