// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::prune {

/// One hidden layer of a chain: linear, batch norm, ReLU, and the linear layer that reads it. Indices into layers().
struct HiddenLayer {
  std::size_t linear = 0;
  std::size_t batch_norm = 0;
  std::size_t next = 0;
};

/// The hidden layers of a network that is a chain (flatten | batch norm)* (linear, batch norm, ReLU)+ linear.
/// Throws Error(unsupported), naming the first layer that does not fit, for any other network.
std::vector<HiddenLayer> hidden_layers(const Network& network);

/// A network without the neurons that `keep` leaves out.
struct Surgery {
  /// For every hidden layer the indices of the neurons that stay, ascending and at least one.
  std::vector<std::vector<std::int64_t>> keep;
  /// Adds what a removed neuron would output if its gamma were 0, the constant max(0, beta), to the next layer's bias.
  bool fold_bias = true;
};
Network without_neurons(const Network& network, const std::vector<HiddenLayer>& hidden, const Surgery& surgery);

}  // namespace espalier::prune
