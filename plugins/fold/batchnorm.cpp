// SPDX-License-Identifier: Apache-2.0
// Batch normalisation as part of the affine layer beside it. Guidotti et al. 2020, section 3, eq. 6 to 8.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/network.hpp>

#include "stages.hpp"

namespace espalier::fold {
namespace {

struct Params {};

/// Batch normalisation as y = scale x + shift, per channel.
struct Affine {
  std::vector<double> scale;
  std::vector<double> shift;
};

Affine affine_of(const BatchNorm& bn, const std::string& name) {
  const auto gamma = bn.gamma.to_doubles();
  const auto beta = bn.beta.to_doubles();
  const auto mean = bn.mean.to_doubles();
  const auto variance = bn.variance.to_doubles();
  Affine out;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double spread = variance[c] + bn.epsilon;
    if (!(spread > 0)) {
      throw Error(
          Code::numeric,
          fmt::format("batch norm '{}' cannot be folded: variance {} plus epsilon {} of channel {} is not above 0",
                      name, variance[c], bn.epsilon, c),
          "check the running variances of the network");
    }
    out.scale.push_back(gamma[c] / std::sqrt(spread));
    out.shift.push_back(beta[c] - out.scale[c] * mean[c]);
  }
  return out;
}

Tensor as_floats(const Shape& shape, const std::vector<double>& values, const std::string& name) {
  std::vector<float> out;
  out.reserve(values.size());
  for (const double v : values) {
    out.push_back(static_cast<float>(v));
    if (!std::isfinite(out.back())) {
      throw Error(Code::numeric, fmt::format("folding batch norm '{}' gives the weight {}", name, v),
                  "check gamma and the running variances of the network");
    }
  }
  return Tensor::of(shape, std::move(out));
}

/// Folds a batch norm into the layer whose output it takes: eq. 8, in double precision. A zero weight stays zero.
template <class Op>
void fold_into_producer(Op& op, const Affine& bn, const std::string& name) {
  auto weight = op.weight.to_doubles();
  auto bias = op.bias.to_doubles();
  const std::size_t fan_in = weight.size() / bias.size();
  for (std::size_t o = 0; o < bias.size(); ++o) {
    for (std::size_t i = 0; i < fan_in; ++i) weight[o * fan_in + i] *= bn.scale[o];
    bias[o] = bn.scale[o] * bias[o] + bn.shift[o];
  }
  op.weight = as_floats(op.weight.shape(), weight, name);
  op.bias = as_floats(op.bias.shape(), bias, name);
}

/// The same on the other side, W (scale x + shift) + b: for a batch norm on the network's input, which no layer
/// precedes. `channel_of(o, i)` is the channel that the i-th weight of output o reads.
template <class Op, class ChannelOf>
void fold_into_consumer(Op& op, const Affine& bn, const std::string& name, ChannelOf channel_of) {
  auto weight = op.weight.to_doubles();
  auto bias = op.bias.to_doubles();
  const std::size_t fan_in = weight.size() / bias.size();
  for (std::size_t o = 0; o < bias.size(); ++o) {
    for (std::size_t i = 0; i < fan_in; ++i) {
      double& w = weight[o * fan_in + i];
      const std::size_t channel = channel_of(o, i);
      bias[o] += w * bn.shift[channel];
      w *= bn.scale[channel];
    }
  }
  op.weight = as_floats(op.weight.shape(), weight, name);
  op.bias = as_floats(op.bias.shape(), bias, name);
}

/// Takes the batch norms out of a list of layers one by one.
class Folder {
 public:
  explicit Folder(std::vector<Layer> layers) : layers_(std::move(layers)) {}

  std::vector<Layer> run() {
    std::vector<Layer> kept;
    std::vector<int> moved = {0};  // a value's number before -> after
    for (std::size_t at = 0; at < layers_.size(); ++at) {
      const auto* bn = std::get_if<BatchNorm>(&layers_[at].op);
      if (bn == nullptr) {
        Layer layer = layers_[at];
        for (int& input : layer.inputs) input = moved[static_cast<std::size_t>(input)];
        kept.push_back(std::move(layer));
        moved.push_back(static_cast<int>(kept.size()));
        continue;
      }
      const int input = layers_[at].inputs[0];
      const int producer = moved[static_cast<std::size_t>(input)];
      fold(at, producer == 0 ? nullptr : &kept[static_cast<std::size_t>(producer - 1)]);
      moved.push_back(producer);
    }
    return kept;
  }

 private:
  std::vector<std::size_t> consumers(int value) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      if (std::ranges::count(layers_[i].inputs, value) > 0) out.push_back(i);
    }
    return out;
  }

  void fold(std::size_t at, Layer* producer) {
    const std::string& name = layers_[at].name;
    const Affine affine = affine_of(std::get<BatchNorm>(layers_[at].op), name);
    const bool alone = consumers(layers_[at].inputs[0]).size() == 1;
    if (producer != nullptr && alone) {
      if (auto* linear = std::get_if<Linear>(&producer->op)) return fold_into_producer(*linear, affine, name);
      if (auto* conv = std::get_if<Conv2d>(&producer->op)) return fold_into_producer(*conv, affine, name);
    }
    if (fold_forward(at, affine)) return;
    if (producer != nullptr && !alone) {
      throw Error(Code::unsupported,
                  fmt::format("batch norm '{}' cannot be folded: layer '{}' before it has other consumers", name,
                              producer->name),
                  "move the batch norm in front of the fork, or use stages that take batch norms");
    }
    throw Error(
        Code::unsupported,
        fmt::format("batch norm '{}' cannot be folded: it stands beside no linear or convolution layer that could "
                    "take it",
                    name),
        "a layer before it must be linear or conv2d, or the only one behind it linear or conv2d without padding");
  }

  /// Whether the one consumer of a batch norm could take it; looks through a flatten.
  bool fold_forward(std::size_t at, const Affine& affine) {
    auto next = consumers(static_cast<int>(at) + 1);
    if (next.size() == 1 && std::holds_alternative<Flatten>(layers_[next[0]].op)) {
      next = consumers(static_cast<int>(next[0]) + 1);
    }
    if (next.size() != 1) return false;
    Layer& consumer = layers_[next[0]];
    const std::size_t channels = affine.scale.size();
    const std::string& name = layers_[at].name;
    if (auto* linear = std::get_if<Linear>(&consumer.op)) {
      const std::size_t width = static_cast<std::size_t>(linear->weight.dim(1)) / channels;
      fold_into_consumer(*linear, affine, name, [width](std::size_t, std::size_t i) { return i / width; });
      return true;
    }
    auto* conv = std::get_if<Conv2d>(&consumer.op);
    // The padding's zeros come after the batch norm; behind the fold they would be shifted.
    if (conv == nullptr || conv->padding[0] != 0 || conv->padding[1] != 0) return false;
    const auto kernel = static_cast<std::size_t>(conv->weight.dim(2) * conv->weight.dim(3));
    const auto in_group = static_cast<std::size_t>(conv->weight.dim(1));
    const auto out_group = static_cast<std::size_t>(conv->weight.dim(0) / conv->groups);
    fold_into_consumer(*conv, affine, name,
                       [=](std::size_t o, std::size_t i) { return o / out_group * in_group + i / kernel; });
    return true;
  }

  std::vector<Layer> layers_;
};

void run(const Params&, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  ctx.out("network", Network(network.input_shape(), Folder(network.layers()).run()));
}

}  // namespace

void describe_batchnorm(PluginBuilder& plugin) {
  plugin.stage("batchnorm", run)
      .doc(
          "Makes every batch normalisation part of the linear or convolution layer before it. One that has none before "
          "it, a normalisation of the input, becomes part of the layer behind it. Zero weights and masks stay.")
      .input<Network>("network", "network with batch normalisation")
      .output<Network>("network", "network without, that computes the same");
}

}  // namespace espalier::fold
