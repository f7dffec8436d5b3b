// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <abstract/graph.hpp>

#include "form_matrix.hpp"
#include "goal.hpp"

namespace espalier::crown {

/// What computes one value of a network from earlier ones.
struct FormStep {
  enum class Kind : std::uint8_t { affine, relu, add, same };
  Kind kind = Kind::same;
  int first = 0;
  int second = 0;                      ///< of a sum
  std::unique_ptr<FormMatrix> matrix;  ///< of an affine step, as all that follows
  std::vector<double> bias;
  std::vector<double> bias_error;  ///< |real bias - bias|
  double weight_error = 0;         ///< |real weight - weight| <= weight_error |weight|
};

/// A network and the goals of a property, prepared for doubles: value 0 is the input, the last holds all goals minus
/// their thresholds. Constant, used by many threads.
class FormNetwork {
 public:
  FormNetwork(const abstract::Graph& graph, std::span<const Case> cases);

  int values() const { return static_cast<int>(sizes_.size()); }
  int size(int value) const { return sizes_[static_cast<std::size_t>(value)]; }
  /// What computes a value; not for the input.
  const FormStep& step(int value) const { return steps_[static_cast<std::size_t>(value) - 1]; }
  int inputs() const { return sizes_.front(); }
  int goals() const { return sizes_.back(); }
  /// gamma(n) for the longest sum that is formed here.
  double gamma() const { return gamma_; }

 private:
  void add_goals(std::span<const Case> cases);

  std::vector<int> sizes_;
  std::vector<FormStep> steps_;
  double gamma_;
};

}  // namespace espalier::crown
