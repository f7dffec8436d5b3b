// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/stage.hpp>

namespace espalier::attack {

/// Writes the gradient of a loss with respect to the scores of one row.
using Coefficients = std::function<void(std::int64_t row, std::span<const float> scores, std::span<float> coefficient)>;

/// A network in single precision on the node's device. Holds LibTorch's settings for the stage: make it first.
class Model {
 public:
  Model(const Network& network, const Context& ctx);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  struct Gradient {
    std::vector<float> scores;    ///< [count, classes]
    std::vector<float> gradient;  ///< [count, pixels]
  };
  /// The scores of `count` points, one after the other.
  std::vector<float> scores(std::span<const float> points, std::int64_t count) const;
  /// The gradient of each row's loss with respect to its pixels.
  Gradient gradient(std::span<const float> points, std::int64_t count, const Coefficients& loss) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::attack
