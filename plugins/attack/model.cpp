// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <espalier/torch.hpp>

namespace espalier::attack {

struct Model::State {
  State(const Network& net, const Context& ctx)
      : scope(ctx),
        network(net, scope.device()),
        pixels(element_count(net.input_shape())),
        classes(element_count(net.output_shape())) {}

  TorchScope scope;
  TorchNetwork network;
  std::int64_t pixels;
  std::int64_t classes;
};

namespace {

at::Tensor on_device(std::span<const float> values, std::int64_t rows, const at::Device& device) {
  const auto columns = static_cast<std::int64_t>(values.size()) / rows;
  auto* data = const_cast<float*>(values.data());  // from_blob takes no const; the copy is all that is made of it
  return at::from_blob(data, {rows, columns}, at::TensorOptions(at::kFloat)).clone().to(device);
}

std::vector<float> on_host(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kCPU).contiguous();
  const auto* data = flat.data_ptr<float>();
  return {data, data + flat.numel()};
}

}  // namespace

Model::Model(const Network& network, const Context& ctx) : state_(std::make_unique<State>(network, ctx)) {}
Model::~Model() = default;

std::vector<float> Model::scores(std::span<const float> points, std::int64_t count) const {
  if (count == 0) return {};
  const c10::AutoGradMode no_gradients(false);
  return on_host(state_->network.forward(on_device(points, count, state_->scope.device())));
}

Model::Gradient Model::gradient(std::span<const float> points, std::int64_t count, const Coefficients& loss) const {
  if (count == 0) return {};
  at::Tensor x = on_device(points, count, state_->scope.device());
  x.set_requires_grad(true);
  const at::Tensor out = state_->network.forward(x);
  Gradient result{.scores = on_host(out), .gradient = {}};
  const auto classes = static_cast<std::size_t>(state_->classes);
  std::vector<float> coefficient(result.scores.size());
  for (std::int64_t row = 0; row < count; ++row) {
    const std::size_t first = static_cast<std::size_t>(row) * classes;
    loss(row, std::span(result.scores).subspan(first, classes), std::span(coefficient).subspan(first, classes));
  }
  out.backward(on_device(coefficient, count, state_->scope.device()).view(out.sizes()));
  result.gradient = on_host(x.grad());
  return result;
}

}  // namespace espalier::attack
