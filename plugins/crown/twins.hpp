// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <abstract/graph.hpp>

#include "neuron.hpp"

namespace espalier::crown {

/// Neurons whose inputs are the same sum of the same weights, so that all have one phase: a split of one is a split of
/// all. Only where the numbers of both are the network's own, without rounding.
class Twins {
 public:
  /// Those of one value, which continue `neurons`; twins are among the unstable ones that have no phase yet.
  void add(const abstract::Graph& graph, std::span<const NeuronId> neurons, std::span<const Range> ranges);

  /// All of a neuron's, with itself.
  std::span<const int> of(int neuron) const {
    const int group = group_of_[static_cast<std::size_t>(neuron)];
    return group < 0 ? alone(neuron) : groups_[static_cast<std::size_t>(group)];
  }
  std::span<const int> alone(int neuron) const { return std::span(all_).subspan(static_cast<std::size_t>(neuron), 1); }

 private:
  void group(const abstract::AffineMap& map, std::span<const NeuronId> neurons, const std::vector<int>& of_value);

  std::vector<int> all_;  ///< 0, 1, 2, ...
  std::vector<std::vector<int>> groups_;
  std::vector<int> group_of_;  ///< -1: none
};

}  // namespace espalier::crown
