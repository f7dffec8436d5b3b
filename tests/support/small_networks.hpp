// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include <espalier/network.hpp>

#include "support/random_network.hpp"

namespace espalier::testing {

/// Appends layers, each on the value before it unless told otherwise.
class NetworkBuilder {
 public:
  explicit NetworkBuilder(Shape input) : input_(std::move(input)) {}

  /// The number of the value it makes.
  int add(Op op, std::vector<int> inputs = {}) {
    if (inputs.empty()) inputs = {static_cast<int>(layers_.size())};
    const std::string name = std::string(op_name(op)) + std::to_string(layers_.size());
    layers_.push_back({.name = name, .op = std::move(op), .inputs = std::move(inputs)});
    return static_cast<int>(layers_.size());
  }
  int linear(const std::vector<std::vector<float>>& rows, std::vector<float> bias) {
    std::vector<float> weight;
    for (const auto& row : rows) weight.insert(weight.end(), row.begin(), row.end());
    const auto outputs = static_cast<std::int64_t>(rows.size());
    return add(Linear{.weight = Tensor::of({outputs, static_cast<std::int64_t>(rows[0].size())}, std::move(weight)),
                      .bias = Tensor::of({outputs}, std::move(bias)),
                      .mask = {}});
  }
  const Shape& input_shape() const { return input_; }
  Network build() const { return {input_, layers_}; }

 private:
  Shape input_;
  std::vector<Layer> layers_;
};

/// A dense layer with a share of the weights left.
inline Linear random_linear(std::int64_t in, std::int64_t out, double density, std::mt19937& random) {
  std::bernoulli_distribution keep(density);
  std::vector<float> weight = random_tensor({out, in}, random).to_floats();
  for (float& w : weight) w = keep(random) ? w : 0;
  return {.weight = Tensor::of({out, in}, std::move(weight)), .bias = random_tensor({out}, random), .mask = {}};
}

/// Dense layers and ReLUs between them.
inline Network random_dense(const std::vector<std::int64_t>& widths, double density, std::mt19937& random) {
  NetworkBuilder builder({widths[0]});
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    if (i > 0) builder.add(Relu{});
    builder.add(random_linear(widths[i], widths[i + 1], density, random));
  }
  return builder.build();
}

inline Conv2d random_convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::mt19937& random) {
  return {.weight = random_tensor({out, in, kernel, kernel}, random),
          .bias = random_tensor({out}, random),
          .mask = {},
          .stride = {1, 1},
          .padding = {kernel / 2, kernel / 2}};
}

/// A scale of any sign, with a divisor as normalisations have.
inline Affine random_affine(const Shape& shape, std::mt19937& random) {
  return {.scale = random_tensor(shape, random),
          .shift = random_tensor(shape, random),
          .divisor = random_tensor(shape, random, 0.2F, 3)};
}

/// Every operation in one network: convolutions (strided, padded, dilated, grouped), batch norm, two residual sums (one
/// of a value with itself), average pooling, a normalised input that comes transposed, a dense head.
inline Network random_residual(std::mt19937& random) {
  NetworkBuilder builder({6, 5, 2});
  builder.add(Transpose{{2, 0, 1}});
  builder.add(random_affine({2, 6, 5}, random));
  builder.add(random_convolution(2, 4, 3, random));
  builder.add(random_batch_norm(4, random));
  const int trunk = builder.add(Relu{});
  Conv2d grouped = random_convolution(2, 4, 3, random);
  grouped.groups = 2;
  grouped.dilation = {2, 1};
  grouped.padding = {2, 1};
  builder.add(grouped);
  builder.add(random_batch_norm(4, random));
  const int branch = builder.add(Relu{});
  const int joined = builder.add(Add{}, {trunk, branch});
  builder.add(Relu{});
  const int twice = builder.add(Add{}, {joined, joined});
  builder.add(Pad{.before = {0, 1}, .after = {1, 0}}, {twice});
  Conv2d strided = random_convolution(4, 3, 2, random);
  strided.stride = {2, 1};
  builder.add(strided);
  builder.add(Relu{});
  builder.add(AvgPool{.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}});
  const int flat = builder.add(Flatten{});
  const std::int64_t width = builder.build().value_shape(flat)[0];
  builder.add(Reshape{{width, 1}});
  builder.add(Transpose{{1, 0}});
  Affine scaled = random_affine({1, width}, random);
  scaled.divisor = {};
  builder.add(scaled);
  builder.add(Reshape{{width}});
  builder.add(random_linear(width, 5, 0.6, random));
  builder.add(Relu{});
  builder.add(random_linear(5, 3, 1, random));
  return builder.build();
}

}  // namespace espalier::testing
