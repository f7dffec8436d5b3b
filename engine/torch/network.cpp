// SPDX-License-Identifier: Apache-2.0
// Networks as LibTorch operations on a batch.

#include <algorithm>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <espalier/torch.hpp>

namespace espalier::inline v1 {

namespace {

std::vector<Tensor> weights_of(const Op& op) {
  return std::visit(
      Overloaded{
          [](const Linear& l) {
            return std::vector{l.weight, l.bias};
          },
          [](const Conv2d& c) {
            return std::vector{c.weight, c.bias};
          },
          [](const BatchNorm& b) {
            return std::vector{b.gamma, b.beta, b.mean, b.variance};
          },
          [](const Relu&) { return std::vector<Tensor>{}; },
          [](const Add&) { return std::vector<Tensor>{}; },
          [](const Flatten&) { return std::vector<Tensor>{}; },
          [](const AvgPool&) { return std::vector<Tensor>{}; },
          [](const Affine& a) {
            return a.divisor.empty() ? std::vector{a.scale, a.shift} : std::vector{a.scale, a.shift, a.divisor};
          },
          [](const Reshape&) { return std::vector<Tensor>{}; },
          [](const Transpose&) { return std::vector<Tensor>{}; },
          [](const Pad&) { return std::vector<Tensor>{}; },
      },
      op);
}

using Values = std::vector<at::Tensor>;

at::Tensor affine(const Values& w, const at::Tensor& x) {
  const at::Tensor scaled = x * w[0];
  return (w.size() == 3 ? scaled / w[2] : scaled) + w[1];
}

at::Tensor reshaped(const Reshape& op, const at::Tensor& x) {
  Shape shape = op.shape;
  shape.insert(shape.begin(), x.size(0));
  return x.reshape(shape);
}

/// The batch stays in front.
at::Tensor transposed(const Transpose& op, const at::Tensor& x) {
  std::vector<std::int64_t> order{0};
  for (const std::int64_t axis : op.order) order.push_back(axis + 1);
  return x.permute(order);
}

at::Tensor apply(const Op& op, const Values& w, const Values& in) {
  return std::visit(
      Overloaded{
          [&](const Linear&) { return at::linear(in[0], w[0], w[1]); },
          [&](const Conv2d& c) { return at::conv2d(in[0], w[0], w[1], c.stride, c.padding, c.dilation, c.groups); },
          [&](const BatchNorm& b) {
            return at::batch_norm(in[0], w[0], w[1], w[2], w[3], /*training=*/false, /*momentum=*/0.0, b.epsilon,
                                  /*cudnn_enabled=*/false);
          },
          [&](const Relu&) { return at::relu(in[0]); },
          [&](const Add&) { return at::add(in[0], in[1]); },
          [&](const Flatten&) { return at::flatten(in[0], 1); },
          [&](const AvgPool& p) {
            return at::avg_pool2d(in[0], p.kernel, p.stride, p.padding, /*ceil_mode=*/false,
                                  /*count_include_pad=*/true);
          },
          [&](const Affine&) { return affine(w, in[0]); },
          [&](const Reshape& r) { return reshaped(r, in[0]); },
          [&](const Transpose& t) { return transposed(t, in[0]); },
          [&](const Pad& p) {
            return at::constant_pad_nd(in[0], {p.before[1], p.after[1], p.before[0], p.after[0]}, 0);
          },
      },
      op);
}

}  // namespace

TorchNetwork::TorchNetwork(const Network& network, const at::Device& device, at::ScalarType type)
    : input_shape_(network.input_shape()) {
  for (const Layer& layer : network.layers()) {
    Step& step = steps_.emplace_back(Step{layer.op, layer.inputs, {}});
    for (const Tensor& weight : weights_of(layer.op)) step.weights.push_back(to_torch(weight, device).to(type));
  }
}

at::Tensor TorchNetwork::forward(const at::Tensor& x) const {
  Shape batch_shape = input_shape_;
  batch_shape.insert(batch_shape.begin(), x.size(0));
  Values values{x.reshape(batch_shape)};
  for (const Step& step : steps_) {
    Values in;
    for (const int value : step.inputs) in.push_back(values[static_cast<std::size_t>(value)]);
    values.push_back(apply(step.op, step.weights, in));
  }
  return values.back();
}

at::Tensor forward(const Network& network, const at::Tensor& x) {
  return TorchNetwork(network, x.device(), x.scalar_type()).forward(x);
}

double accuracy(const TorchNetwork& network, const Split& split, const at::Device& device) {
  const at::NoGradGuard no_gradients;
  constexpr std::int64_t kChunk = 1000;
  std::int64_t right = 0;
  for (std::int64_t begin = 0; begin < split.size(); begin += kChunk) {
    const std::int64_t end = std::min(begin + kChunk, split.size());
    const Split part{split.images.rows(begin, end), split.labels.rows(begin, end)};
    const at::Tensor scores = network.forward(images_as_float(part, device)).flatten(1);
    const at::Tensor is_number = at::isnan(scores).any(1).logical_not();
    const at::Tensor is_right = scores.argmax(1).eq(to_torch(part.labels, device)).logical_and(is_number);
    right += is_right.sum().item<std::int64_t>();
  }
  return split.size() == 0 ? 0.0 : static_cast<double>(right) / static_cast<double>(split.size());
}

}  // namespace espalier::inline v1
