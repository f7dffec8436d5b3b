// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/torch.hpp>

#include "clean_objective.hpp"
#include "params.hpp"

namespace espalier::train {

namespace {

/// Builds layer after layer, each fed by the one before.
class Builder {
 public:
  explicit Builder(at::Generator& generator) : generator_(&generator) {}

  void add(std::string name, Op op) {
    layers_.push_back({std::move(name), std::move(op), {static_cast<int>(layers_.size())}});
  }

  /// LibTorch's default: weights and biases uniform within 1 / sqrt(inputs).
  void add_linear(std::string name, std::int64_t inputs, std::int64_t outputs) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
    const auto drawn = [&](Shape shape) {
      return from_torch(at::empty(shape, at::TensorOptions(at::kFloat)).uniform_(-bound, bound, *generator_));
    };
    Tensor weight = drawn({outputs, inputs});
    add(std::move(name), Linear{.weight = std::move(weight), .bias = drawn({outputs}), .mask = {}});
  }

  void add_batch_norm(std::string name, std::int64_t width) {
    const Tensor ones = Tensor::of<float>({width}, std::vector<float>(static_cast<std::size_t>(width), 1.0F));
    const Tensor zeros = Tensor::zeros(DType::f32, {width});
    add(std::move(name), BatchNorm{.gamma = ones, .beta = zeros, .mean = zeros, .variance = ones});
  }

  std::vector<Layer> take() { return std::move(layers_); }

 private:
  at::Generator* generator_;
  std::vector<Layer> layers_;
};

Network initial_network(const Dataset& dataset, const Params& p, at::Generator& generator) {
  Builder builder(generator);
  std::int64_t width = element_count(dataset.image_shape());
  builder.add("flatten", Flatten{});
  for (std::size_t i = 0; i < p.hidden.size(); ++i) {
    builder.add_linear(fmt::format("linear_{}", i + 1), width, p.hidden[i]);
    width = p.hidden[i];
    if (p.batch_norm) builder.add_batch_norm(fmt::format("batch_norm_{}", i + 1), width);
    builder.add(fmt::format("relu_{}", i + 1), Relu{});
  }
  builder.add_linear(fmt::format("linear_{}", p.hidden.size() + 1), width,
                     static_cast<std::int64_t>(dataset.classes.size()));
  return Network(dataset.image_shape(), builder.take());
}

}  // namespace

void sgd(const Params& p, Context& ctx) {
  TorchScope scope(ctx, static_cast<std::uint64_t>(p.seed));
  const auto& dataset = ctx.in<Dataset>("dataset");
  fit_to_images(initial_network(dataset, p, scope.generator()), dataset, p, ctx, scope);
}

}  // namespace espalier::train
