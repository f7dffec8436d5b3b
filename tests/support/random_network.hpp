// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::testing {

inline Tensor random_tensor(Shape shape, std::mt19937& random, float low = -1, float high = 1) {
  std::uniform_real_distribution<float> draw(low, high);
  std::vector<float> values(static_cast<std::size_t>(element_count(shape)));
  for (float& v : values) v = draw(random);
  return Tensor::of(std::move(shape), std::move(values));
}

inline BatchNorm random_batch_norm(std::int64_t channels, std::mt19937& random) {
  return {.gamma = random_tensor({channels}, random),
          .beta = random_tensor({channels}, random),
          .mean = random_tensor({channels}, random),
          .variance = random_tensor({channels}, random, 0.1F, 2)};
}

/// The architectures of Guidotti et al. 2020, section 5.1: 784 inputs, hidden layers with batch norm and ReLU, 10
/// outputs. Weights are as large as an initialisation makes them, so that values neither vanish nor explode.
inline Network random_chain(const std::vector<std::int64_t>& hidden, std::uint32_t seed, Shape input = {1, 28, 28},
                            std::int64_t outputs = 10) {
  std::mt19937 random(seed);
  std::vector<Layer> layers = {{.name = "flatten", .op = Flatten{}, .inputs = {0}}};
  std::int64_t in = element_count(input);
  const auto add = [&](const std::string& name, Op op) {
    layers.push_back({.name = name, .op = std::move(op), .inputs = {static_cast<int>(layers.size())}});
  };
  const auto add_linear = [&](const std::string& name, std::int64_t out) {
    const float bound = 2 / std::sqrt(static_cast<float>(in));
    add(name, Linear{.weight = random_tensor({out, in}, random, -bound, bound),
                     .bias = random_tensor({out}, random),
                     .mask = {}});
    in = out;
  };
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const std::string number = std::to_string(i + 1);
    add_linear("fc" + number, hidden[i]);
    add("bn" + number, random_batch_norm(in, random));
    add("relu" + number, Relu{});
  }
  add_linear("out", outputs);
  return {std::move(input), std::move(layers)};
}

inline Network net1(std::uint32_t seed) {
  return random_chain({64, 32, 16}, seed);
}
inline Network net2(std::uint32_t seed) {
  return random_chain({128, 64, 32}, seed);
}

/// The network with one layer's operation changed.
template <class Op, class Change>
Network with_changed(const Network& network, const std::string& layer_name, Change change) {
  std::vector<Layer> layers = network.layers();
  for (Layer& layer : layers) {
    if (layer.name == layer_name) change(std::get<Op>(layer.op));
  }
  return {network.input_shape(), std::move(layers)};
}

inline std::vector<double> random_input(const Network& network, std::mt19937& random) {
  std::uniform_real_distribution<double> draw(0, 1);
  std::vector<double> input(static_cast<std::size_t>(element_count(network.input_shape())));
  for (double& v : input) v = draw(random);
  return input;
}

/// The largest difference of outputs over random inputs, as a share of the largest output (at least 1).
inline double largest_difference(const Network& a, const Network& b, int inputs = 20) {
  std::mt19937 random(7);
  double largest = 0;
  for (int i = 0; i < inputs; ++i) {
    const auto input = random_input(a, random);
    const auto ya = a.forward(input);
    const auto yb = b.forward(input);
    if (ya.size() != yb.size()) return std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < ya.size(); ++k) {
      const double difference = std::abs(ya[k] - yb[k]) / std::max(1.0, std::abs(ya[k]));
      if (!(difference <= largest)) largest = difference;  // a NaN stays
    }
  }
  return largest;
}

}  // namespace espalier::testing
