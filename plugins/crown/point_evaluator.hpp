// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "form_network.hpp"
#include "lanes.hpp"

namespace espalier::crown {

/// The goals minus their thresholds at a few points at a time, in plain double. One thread's.
class PointEvaluator {
 public:
  static constexpr std::size_t kPoints = kFormWidth;

  explicit PointEvaluator(const FormNetwork& network);

  /// Input i of point p, to be set before run().
  double& input(std::size_t i, std::size_t p) { return values_.front()[i * kPoints + p]; }
  void run();
  double goal(std::size_t g, std::size_t p) const { return values_.back()[g * kPoints + p]; }

 private:
  void compute(int value);

  const FormNetwork* network_;
  std::vector<Aligned<double>> values_;
  std::vector<std::int32_t> all_;
};

}  // namespace espalier::crown
