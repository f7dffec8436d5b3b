// SPDX-License-Identifier: Apache-2.0
#include "chain.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::prune {
namespace {

using Indices = std::vector<std::int64_t>;

constexpr const char* kHint = "prune.weights takes any network; see the stage's description for the chain it needs";

void require_chain(const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].inputs != std::vector<int>{static_cast<int>(i)}) {
      throw Error(Code::unsupported,
                  fmt::format("neurons can be pruned in a chain of layers only, but '{}' does not take just the layer "
                              "before it",
                              layers[i].name),
                  kHint);
    }
  }
}

template <class Op>
void require(const std::vector<Layer>& layers, std::size_t at, std::string_view wanted) {
  if (at < layers.size() && std::holds_alternative<Op>(layers[at].op)) return;
  const std::string found = at < layers.size()
                                ? fmt::format("layer '{}' is {}", layers[at].name, op_name(layers[at].op))
                                : std::string("the network ends");
  throw Error(Code::unsupported, fmt::format("neurons cannot be pruned: {} where {} is expected", found, wanted),
              kHint);
}

/// Rows or single values of the first axis.
Tensor chosen(const Tensor& tensor, const Indices& keep) {
  return tensor.empty() ? tensor : tensor.gather(keep);
}

template <class T>
Tensor chosen_columns_of(const Tensor& matrix, const Indices& keep) {
  const auto values = matrix.as<T>();
  const std::int64_t columns = matrix.dim(1);
  std::vector<T> out;
  out.reserve(static_cast<std::size_t>(matrix.dim(0)) * keep.size());
  for (std::int64_t row = 0; row < matrix.dim(0); ++row) {
    for (const std::int64_t column : keep) out.push_back(values[static_cast<std::size_t>(row * columns + column)]);
  }
  return Tensor::of({matrix.dim(0), static_cast<std::int64_t>(keep.size())}, std::move(out));
}

Tensor chosen_columns(const Tensor& matrix, const Indices& keep) {
  if (matrix.empty()) return matrix;
  return matrix.dtype() == DType::u8 ? chosen_columns_of<std::uint8_t>(matrix, keep)
                                     : chosen_columns_of<float>(matrix, keep);
}

/// The next layer's bias with the constants of the neurons that go: b + sum W[:, j] max(0, beta_j).
Tensor bias_with_constants(const Linear& next, std::span<const float> beta, const Indices& keep) {
  const auto weight = next.weight.as<float>();
  const auto columns = static_cast<std::size_t>(next.weight.dim(1));
  std::vector<double> bias = next.bias.to_doubles();
  for (std::size_t j = 0; j < columns; ++j) {
    if (std::ranges::binary_search(keep, static_cast<std::int64_t>(j))) continue;
    const double constant = std::max(0.0, static_cast<double>(beta[j]));
    for (std::size_t o = 0; o < bias.size(); ++o) bias[o] += static_cast<double>(weight[o * columns + j]) * constant;
  }
  return Tensor::of(next.bias.shape(), std::vector<float>(bias.begin(), bias.end()));
}

}  // namespace

std::vector<HiddenLayer> hidden_layers(const Network& network) {
  const std::vector<Layer>& layers = network.layers();
  require_chain(layers);
  std::size_t at = 0;
  while (at < layers.size() &&
         (std::holds_alternative<Flatten>(layers[at].op) || std::holds_alternative<BatchNorm>(layers[at].op))) {
    ++at;
  }
  std::vector<HiddenLayer> out;
  while (at + 1 < layers.size() || out.empty()) {
    require<Linear>(layers, at, "a linear layer");
    require<BatchNorm>(layers, at + 1, "a batch norm");
    require<Relu>(layers, at + 2, "a ReLU");
    out.push_back({.linear = at, .batch_norm = at + 1, .next = at + 3});
    at += 3;
  }
  require<Linear>(layers, at, "a linear layer");
  return out;
}

Network without_neurons(const Network& network, const std::vector<HiddenLayer>& hidden, const Surgery& surgery) {
  std::vector<Layer> layers = network.layers();
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    const Indices& keep = surgery.keep[i];
    auto& linear = std::get<Linear>(layers[hidden[i].linear].op);
    auto& bn = std::get<BatchNorm>(layers[hidden[i].batch_norm].op);
    auto& next = std::get<Linear>(layers[hidden[i].next].op);
    if (surgery.fold_bias) next.bias = bias_with_constants(next, bn.beta.as<float>(), keep);
    linear = {
        .weight = chosen(linear.weight, keep), .bias = chosen(linear.bias, keep), .mask = chosen(linear.mask, keep)};
    for (Tensor* values : {&bn.gamma, &bn.beta, &bn.mean, &bn.variance}) *values = chosen(*values, keep);
    next.weight = chosen_columns(next.weight, keep);
    next.mask = chosen_columns(next.mask, keep);
  }
  return {network.input_shape(), std::move(layers)};
}

}  // namespace espalier::prune
