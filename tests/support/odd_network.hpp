// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "support/exact_minimum.hpp"
#include "support/small_networks.hpp"

namespace espalier::testing {

template <class T>
T one_of(const std::vector<T>& all, std::mt19937& random) {
  return all[std::uniform_int_distribution<std::size_t>(0, all.size() - 1)(random)];
}

inline Tensor scaled(const Tensor& t, int exponent) {
  std::vector<float> values = t.to_floats();
  for (float& v : values) v = std::ldexp(v, exponent);
  return Tensor::of(t.shape(), std::move(values));
}

/// A batch norm that is odd in one of the ways that trained and pruned networks are.
inline BatchNorm odd_batch_norm(std::int64_t channels, std::mt19937& random) {
  BatchNorm norm = random_batch_norm(channels, random);
  std::vector<float> gamma = norm.gamma.to_floats();
  gamma[0] = one_of<float>({0.0F, 1e-30F, -1e-30F, 1e-3F}, random);
  norm.gamma = Tensor::of({channels}, std::move(gamma));
  if (one_of<int>({0, 1}, random) == 1) norm.variance = Tensor::zeros(DType::f32, {channels});
  return norm;
}

/// Dense layers of random scale, pruned or not, with or without batch norm; neurons may be copies of each other.
inline Network odd_network(const std::vector<std::int64_t>& widths, std::mt19937& random) {
  NetworkBuilder builder({widths[0]});
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const int scale = one_of<int>({0, 0, 0, -40, -10, 10, 40}, random);
    Linear layer = random_linear(widths[i], widths[i + 1], one_of<double>({1, 0.7}, random), random);
    layer.weight = scaled(layer.weight, scale);
    layer.bias = scaled(layer.bias, one_of<int>({scale, 0}, random));
    if (one_of<int>({0, 0, 1}, random) == 1) layer.bias = Tensor::zeros(DType::f32, {widths[i + 1]});
    builder.add(layer);
    if (i + 2 == widths.size()) break;
    if (one_of<int>({0, 0, 1}, random) == 1) builder.add(odd_batch_norm(widths[i + 1], random));
    builder.add(Relu{});
  }
  return builder.build();
}

/// The network with its two output biases set so that the smallest margin of class 0 is what is asked for, as closely
/// as two floats can say it (2^-48 of the bias).
inline Network with_margin(const Network& network, const std::vector<Point>& points, const Wide& wanted) {
  const std::string last = network.layers().back().name;
  const auto with_biases = [&](float label, float other) {
    return with_changed<Linear>(network, last, [&](Linear& op) {
      op.bias = Tensor::of({2}, std::vector<float>{label, other});
    });
  };
  const Wide raw = smallest_margin(with_biases(0, 0), 0, points);
  const auto coarse = static_cast<float>(wanted - raw);
  const auto fine = static_cast<float>(raw + Wide(coarse) - wanted);
  return with_biases(coarse, fine);
}

/// Points among which any margin is smallest: with one input, or with two and one hidden layer.
inline std::vector<Point> corners(const Network& network, const ExactBox& box) {
  return box.low.size() == 1 ? corners_in_one_dimension(network, box) : corners_in_two_dimensions(network, box);
}

}  // namespace espalier::testing
