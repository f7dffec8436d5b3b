// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <vector>

#include <abstract/graph.hpp>

#include <espalier/network.hpp>

#include "rational.hpp"

namespace espalier::crown {

/// The numbers of an affine layer: of the terms of its map, in their order, and its bias.
struct ExactMap {
  std::vector<Rational> weights;
  std::vector<Rational> bias;
};

/// What the doubles of a graph stand for where they are not the network's own numbers: means, quotients, batch norms.
/// Borrows both. [any thread]
class ExactNumbers {
 public:
  ExactNumbers(const Network& network, const abstract::Graph& graph) : network_(network), graph_(graph) {}

  /// Whether all numbers are ratios, which roots seldom are, and few enough for one functional to be sent through them
  /// in a part of a second.
  bool usable() const;
  /// Of a value that an affine map computes; null when the map's own numbers are exact. Needs: usable.
  const ExactMap* of(int value) const;

 private:
  void work_out() const;

  const Network& network_;
  const abstract::Graph& graph_;
  mutable std::once_flag once_;  ///< most questions never ask
  mutable std::vector<std::optional<ExactMap>> maps_;
  mutable bool usable_ = true;
};

}  // namespace espalier::crown
