// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include <abstract/relaxation.hpp>

namespace espalier::crown {

/// A neuron of the network, before its ReLU: an element of one of the network's values.
struct NeuronId {
  int value = 0;
  std::int32_t element = 0;
  friend auto operator<=>(const NeuronId&, const NeuronId&) = default;
};

/// The phase that a neuron is known to have in a part of the box: sign +1 says that its input is at least 0, -1 at most
/// 0.
struct Phase {
  NeuronId neuron;
  int sign = 0;
  friend bool operator==(const Phase&, const Phase&) = default;
};
using Phases = std::vector<Phase>;

/// Bounds of one neuron before its ReLU, as floats around the certified doubles.
struct Range {
  float low = 0;
  float high = 0;
  int split = 0;  ///< the sign of the phase that the neuron has by a split, or 0
  bool unstable() const { return abstract::is_unstable({low, high}); }
};

}  // namespace espalier::crown
