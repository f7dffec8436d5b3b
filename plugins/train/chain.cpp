// SPDX-License-Identifier: Apache-2.0
#include "chain.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/torch.hpp>

namespace espalier::train {

namespace {

/// Parameters start at multiples of so many floats: a cache line.
constexpr std::int64_t kAlignment = 16;
std::int64_t padded(std::int64_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

[[noreturn]] void refuse(const Layer& layer, const std::string& why) {
  throw Error(Code::unsupported, fmt::format("cannot train layer '{}' ({}): {}", layer.name, op_name(layer.op), why),
              "training takes sequences of linear, batch norm and ReLU layers");
}

void require_chain(const Network& network) {
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer& layer = network.layers()[i];
    const int before = static_cast<int>(i);
    if (layer.inputs != std::vector{before}) refuse(layer, "its input is not the layer before it");
    const bool is_flat = network.value_shape(before).size() == 1;
    std::visit(Overloaded{
                   [&](const Linear&) {},
                   [&](const BatchNorm&) {
                     if (!is_flat)
                       refuse(layer, fmt::format("its input has shape {}", to_text(network.value_shape(before))));
                   },
                   [&](const Relu&) {},
                   [&](const Flatten&) {},
                   [&](const Conv2d&) { refuse(layer, "convolutions are not trained yet"); },
                   [&](const Add&) { refuse(layer, "branches are not trained yet"); },
                   [&](const AvgPool&) { refuse(layer, "pooling is not trained yet"); },
                   [&](const Affine&) { refuse(layer, "a fixed scale is not trained"); },
                   [&](const Reshape&) { refuse(layer, "reshaping is not trained yet"); },
                   [&](const Transpose&) { refuse(layer, "transposing is not trained yet"); },
                   [&](const Pad&) { refuse(layer, "padding is not trained yet"); },
               },
               layer.op);
  }
}

/// Lengths of the two parts of the flat buffer.
struct Lengths {
  std::int64_t ordinary = 0;
  std::int64_t gammas = 0;
};
Lengths lengths(const Network& network) {
  Lengths sum;
  for (const Layer& layer : network.layers()) {
    if (const auto* linear = std::get_if<Linear>(&layer.op)) {
      sum.ordinary += padded(linear->weight.size()) + padded(linear->bias.size());
    } else if (const auto* norm = std::get_if<BatchNorm>(&layer.op)) {
      sum.ordinary += padded(norm->beta.size());
      sum.gammas += padded(norm->gamma.size());
    }
  }
  return sum;
}

/// Hands out consecutive views of a part of the two buffers, the first filled with given values.
class Placer {
 public:
  Placer(const at::Tensor& values, const at::Tensor& gradients, std::int64_t begin)
      : values_(values), gradients_(gradients), next_(begin) {}

  Parameter place(const Tensor& initial) {
    const auto view = [&](const at::Tensor& flat) {
      return flat.narrow(0, next_, initial.size()).view(initial.shape());
    };
    Parameter parameter{view(values_), view(gradients_)};
    parameter.value.copy_(to_torch(initial));
    next_ += padded(initial.size());
    return parameter;
  }

 private:
  at::Tensor values_, gradients_;
  std::int64_t next_;
};

}  // namespace

Chain::Chain(const Network& network, const at::Device& device)
    : network_(network), input_width_(element_count(network.input_shape())) {
  require_chain(network);
  const Lengths length = lengths(network);
  values_ = at::zeros({length.ordinary + length.gammas}, at::TensorOptions(at::kFloat).device(device));
  gradients_ = at::zeros_like(values_);
  gammas_ = values_.narrow(0, length.ordinary, length.gammas);
  gamma_gradients_ = gradients_.narrow(0, length.ordinary, length.gammas);
  Placer ordinary(values_, gradients_, 0);
  Placer gammas(values_, gradients_, length.ordinary);
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const std::int64_t width = element_count(network.value_shape(static_cast<int>(i) + 1));
    const Op& op = network.layers()[i].op;
    if (const auto* linear = std::get_if<Linear>(&op)) {
      nodes_.push_back({LinearNode{ordinary.place(linear->weight), ordinary.place(linear->bias)}, i, width});
    } else if (const auto* norm = std::get_if<BatchNorm>(&op)) {
      nodes_.push_back({BatchNormNode{gammas.place(norm->gamma), ordinary.place(norm->beta),
                                      to_torch(norm->mean, device), to_torch(norm->variance, device), norm->epsilon},
                        i, width});
    } else if (std::holds_alternative<Relu>(op)) {
      nodes_.push_back({ReluNode{}, i, width});
    }
  }
  load_masks();
}

void Chain::load_masks() {
  for (const Node& node : nodes_) {
    const auto* linear = std::get_if<LinearNode>(&node.op);
    if (linear == nullptr) continue;
    const Tensor& mask = std::get<Linear>(network_.layers()[node.layer].op).mask;
    if (mask.empty()) continue;
    if (!mask_.defined()) mask_ = at::ones_like(values_);
    const std::int64_t begin = linear->weight.value.storage_offset();
    mask_.narrow(0, begin, mask.size()).copy_(to_torch(mask).flatten());
  }
  if (mask_.defined()) values_.masked_fill_(mask_.eq(0), 0);
}

Network Chain::to_network() const {
  std::vector<Layer> layers = network_.layers();
  for (const Node& node : nodes_) {
    Op& op = layers[node.layer].op;
    if (const auto* linear = std::get_if<LinearNode>(&node.op)) {
      auto& target = std::get<Linear>(op);
      target.weight = from_torch(linear->weight.value);
      target.bias = from_torch(linear->bias.value);
    } else if (const auto* norm = std::get_if<BatchNormNode>(&node.op)) {
      auto& target = std::get<BatchNorm>(op);
      target.gamma = from_torch(norm->gamma.value);
      target.beta = from_torch(norm->beta.value);
      target.mean = from_torch(norm->mean);
      target.variance = from_torch(norm->variance);
    }
  }
  return Network(network_.input_shape(), std::move(layers));
}

}  // namespace espalier::train
