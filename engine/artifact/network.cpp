// SPDX-License-Identifier: Apache-2.0
// What a network must be like to be one: shapes, masks and finite weights are checked once, here, so that every
// analysis may rely on them.
#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

namespace espalier::inline v1 {
namespace {

using Pair = std::array<std::int64_t, 2>;

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;  // of one value; more is a mistake, not a network
constexpr std::int64_t kLongestStep = std::int64_t{1} << 20;  // of strides, paddings and the like: sums cannot overflow

/// The layer a check is about.
struct Place {
  std::size_t index;
  const Layer& layer;

  [[noreturn]] void fail(const std::string& text, Code code = Code::request) const {
    throw Error(code, fmt::format("layer {} '{}' ({}): {}", index, layer.name, op_name(layer.op), text));
  }
};

std::string described(const Tensor& t) {
  return fmt::format("{} {}", to_text(t.dtype()), to_text(t.shape()));
}

/// An f32 tensor of that shape whose elements are finite.
void require_weights(const Place& at, std::string_view name, const Tensor& t, const Shape& shape) {
  if (t.dtype() != DType::f32 || t.shape() != shape) {
    at.fail(fmt::format("{} is {}, but f32 {} is needed", name, described(t), to_text(shape)));
  }
  const auto values = t.as<float>();
  const auto bad = std::ranges::find_if_not(values, [](float v) { return std::isfinite(v); });
  if (bad != values.end()) at.fail(fmt::format("{}[{}] is {}", name, bad - values.begin(), *bad), Code::numeric);
}

void require_mask(const Place& at, const Tensor& mask, const Tensor& weight) {
  if (mask.empty()) return;
  if (mask.dtype() != DType::u8 || mask.shape() != weight.shape()) {
    at.fail(fmt::format("mask is {}, but u8 {} is needed", described(mask), to_text(weight.shape())));
  }
  const auto keep = mask.as<std::uint8_t>();
  const auto values = weight.as<float>();
  for (std::size_t i = 0; i < keep.size(); ++i) {
    if (keep[i] > 1) at.fail(fmt::format("mask[{}] is {}, but 0 or 1 is needed", i, keep[i]));
    if (keep[i] == 0 && values[i] != 0) {
      at.fail(fmt::format("weight[{}] is pruned by the mask, but it is {} and not 0", i, values[i]));
    }
  }
}

void require_steps(const Place& at, std::string_view name, const Pair& pair, std::int64_t least) {
  for (const std::int64_t v : pair) {
    if (v >= least && v <= kLongestStep) continue;
    at.fail(fmt::format("{} is [{}, {}], outside {} to {}", name, pair[0], pair[1], least, kLongestStep));
  }
}

/// How many windows fit along each of the two axes.
Pair windows(const Place& at, const Shape& in, const Pair& kernel, const Pair& stride, const Pair& padding,
             const Pair& dilation) {
  require_steps(at, "kernel", kernel, 1);
  require_steps(at, "stride", stride, 1);
  require_steps(at, "padding", padding, 0);
  require_steps(at, "dilation", dilation, 1);
  Pair count{};
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t room = in[axis + 1] + 2 * padding[axis];
    const std::int64_t extent = dilation[axis] * (kernel[axis] - 1) + 1;
    if (extent > room) {
      at.fail(fmt::format("a kernel of [{}, {}] does not fit an input of shape {}", kernel[0], kernel[1], to_text(in)));
    }
    count[axis] = (room - extent) / stride[axis] + 1;
  }
  return count;
}

void require_rank(const Place& at, const Shape& in, std::size_t rank, std::string_view axes) {
  if (in.size() == rank) return;
  at.fail(fmt::format("an input of {} axes ({}) is needed, but it has shape {}", rank, axes, to_text(in)));
}

Shape linear_shape(const Place& at, const Linear& op, const Shape& in) {
  require_rank(at, in, 1, "put a flatten before it");
  if (op.weight.rank() != 2 || op.weight.empty() || op.weight.dim(1) != in[0]) {
    at.fail(
        fmt::format("weight of shape {} does not fit an input of shape {}", to_text(op.weight.shape()), to_text(in)));
  }
  require_weights(at, "weight", op.weight, op.weight.shape());
  require_weights(at, "bias", op.bias, {op.weight.dim(0)});
  require_mask(at, op.mask, op.weight);
  return {op.weight.dim(0)};
}

Shape conv_shape(const Place& at, const Conv2d& op, const Shape& in) {
  require_rank(at, in, 3, "channels, height, width");
  const Tensor& w = op.weight;
  if (op.groups < 1 || in[0] % op.groups != 0) {
    at.fail(fmt::format("{} groups do not divide the channels of an input of shape {}", op.groups, to_text(in)));
  }
  if (w.rank() != 4 || w.empty() || w.dim(1) != in[0] / op.groups || w.dim(0) % op.groups != 0) {
    at.fail(fmt::format("weight of shape {} with {} groups does not fit an input of shape {}", to_text(w.shape()),
                        op.groups, to_text(in)));
  }
  require_weights(at, "weight", w, w.shape());
  require_weights(at, "bias", op.bias, {w.dim(0)});
  require_mask(at, op.mask, w);
  const Pair size = windows(at, in, {w.dim(2), w.dim(3)}, op.stride, op.padding, op.dilation);
  return {w.dim(0), size[0], size[1]};
}

Shape norm_shape(const Place& at, const BatchNorm& op, const Shape& in) {
  const Shape channels{in[0]};
  require_weights(at, "gamma", op.gamma, channels);
  require_weights(at, "beta", op.beta, channels);
  require_weights(at, "mean", op.mean, channels);
  require_weights(at, "variance", op.variance, channels);
  for (const float v : op.variance.as<float>()) {
    if (v >= 0 && op.epsilon >= 0 && std::isfinite(op.epsilon) && v + op.epsilon > 0) continue;
    at.fail(fmt::format("a variance of {} with epsilon {} cannot be divided by", v, op.epsilon), Code::numeric);
  }
  return in;
}

Shape pool_shape(const Place& at, const AvgPool& op, const Shape& in) {
  require_rank(at, in, 3, "channels, height, width");
  const Pair size = windows(at, in, op.kernel, op.stride, op.padding, {1, 1});
  return {in[0], size[0], size[1]};
}

Shape affine_shape(const Place& at, const Affine& op, const Shape& in) {
  require_weights(at, "scale", op.scale, in);
  require_weights(at, "shift", op.shift, in);
  if (op.divisor.empty()) return in;
  require_weights(at, "divisor", op.divisor, in);
  if (std::ranges::count(op.divisor.as<float>(), 0.0F) > 0) at.fail("a divisor is 0", Code::numeric);
  return in;
}

Shape reshape_shape(const Place& at, const Reshape& op, const Shape& in) {
  const bool sensible = !op.shape.empty() && std::ranges::all_of(op.shape, [](auto d) { return d > 0; });
  if (!sensible || element_count(op.shape) != element_count(in)) {
    at.fail(fmt::format("an input of shape {} cannot become {}", to_text(in), to_text(op.shape)));
  }
  return op.shape;
}

Shape transpose_shape(const Place& at, const Transpose& op, const Shape& in) {
  Shape sorted = op.order;
  std::ranges::sort(sorted);
  Shape axes(in.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (sorted != axes) {
    at.fail(fmt::format("{} is not an order of the axes of an input of shape {}", to_text(op.order), to_text(in)));
  }
  Shape out;
  for (const std::int64_t axis : op.order) out.push_back(in[static_cast<std::size_t>(axis)]);
  return out;
}

Shape padded_shape(const Place& at, const Pad& op, const Shape& in) {
  require_rank(at, in, 3, "channels, height, width");
  require_steps(at, "padding before", op.before, 0);
  require_steps(at, "padding after", op.after, 0);
  return {in[0], op.before[0] + in[1] + op.after[0], op.before[1] + in[2] + op.after[1]};
}

Shape sum_shape(const Place& at, const Shape& a, const Shape& b) {
  if (a != b) at.fail(fmt::format("values of shapes {} and {} cannot be added", to_text(a), to_text(b)));
  return a;
}

void require_inputs(const Place& at) {
  const std::size_t wanted = std::holds_alternative<Add>(at.layer.op) ? 2 : 1;
  if (at.layer.inputs.size() != wanted) {
    at.fail(fmt::format("it has {} inputs, but {} needed", at.layer.inputs.size(), wanted == 2 ? "2 are" : "1 is"));
  }
  for (const int value : at.layer.inputs) {
    if (value >= 0 && static_cast<std::size_t>(value) <= at.index) continue;
    at.fail(fmt::format("input {} is not a value made before it (0 to {})", value, at.index));
  }
}

Shape output_of(const Place& at, const std::vector<Shape>& values) {
  require_inputs(at);
  const auto in = [&](std::size_t i) -> const Shape& { return values[static_cast<std::size_t>(at.layer.inputs[i])]; };
  return std::visit(
      Overloaded{[&](const Linear& op) { return linear_shape(at, op, in(0)); },
                 [&](const Conv2d& op) { return conv_shape(at, op, in(0)); },
                 [&](const BatchNorm& op) { return norm_shape(at, op, in(0)); }, [&](const Relu&) { return in(0); },
                 [&](const Add&) { return sum_shape(at, in(0), in(1)); },
                 [&](const Flatten&) { return Shape{element_count(in(0))}; },
                 [&](const AvgPool& op) { return pool_shape(at, op, in(0)); },
                 [&](const Affine& op) { return affine_shape(at, op, in(0)); },
                 [&](const Reshape& op) { return reshape_shape(at, op, in(0)); },
                 [&](const Transpose& op) { return transpose_shape(at, op, in(0)); },
                 [&](const Pad& op) { return padded_shape(at, op, in(0)); }},
      at.layer.op);
}

/// The weight that pruning counts, or null.
const Tensor* prunable(const Op& op) {
  if (const auto* linear = std::get_if<Linear>(&op)) return &linear->weight;
  if (const auto* conv = std::get_if<Conv2d>(&op)) return &conv->weight;
  return nullptr;
}

}  // namespace

std::string_view op_name(const Op& op) {
  using Name = std::string_view;
  return std::visit(
      Overloaded{[](const Linear&) -> Name { return "linear"; }, [](const Conv2d&) -> Name { return "conv2d"; },
                 [](const BatchNorm&) -> Name { return "batch_norm"; }, [](const Relu&) -> Name { return "relu"; },
                 [](const Add&) -> Name { return "add"; }, [](const Flatten&) -> Name { return "flatten"; },
                 [](const AvgPool&) -> Name { return "avg_pool"; }, [](const Affine&) -> Name { return "affine"; },
                 [](const Reshape&) -> Name { return "reshape"; }, [](const Transpose&) -> Name { return "transpose"; },
                 [](const Pad&) -> Name { return "pad"; }},
      op);
}

Network::Network(Shape input_shape, std::vector<Layer> layers)
    : input_shape_(std::move(input_shape)), layers_(std::move(layers)) {
  const bool sensible = !input_shape_.empty() && std::ranges::all_of(input_shape_, [](auto d) { return d > 0; }) &&
                        element_count(input_shape_) <= kMostElements;
  if (!sensible) throw Error(Code::request, fmt::format("{} is not the shape of an input", to_text(input_shape_)));
  if (layers_.empty()) throw Error(Code::request, "a network needs at least one layer");
  value_shapes_.push_back(input_shape_);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Place at{i, layers_[i]};
    Shape shape = output_of(at, value_shapes_);
    if (element_count(shape) > kMostElements) at.fail(fmt::format("a value of shape {} is too large", to_text(shape)));
    value_shapes_.push_back(std::move(shape));
  }
}

std::int64_t Network::hidden_neurons() const {
  std::int64_t count = 0;
  for (const Layer& layer : layers_) {
    if (std::holds_alternative<Relu>(layer.op)) count += element_count(value_shape(layer.inputs[0]));
  }
  return count;
}

std::int64_t Network::weights() const {
  std::int64_t count = 0;
  for (const Layer& layer : layers_) {
    if (const Tensor* w = prunable(layer.op)) count += w->size();
  }
  return count;
}

std::int64_t Network::zero_weights() const {
  std::int64_t count = 0;
  for (const Layer& layer : layers_) {
    if (const Tensor* w = prunable(layer.op)) count += std::ranges::count(w->as<float>(), 0.0F);
  }
  return count;
}

std::int64_t argmax(std::span<const double> values) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || (std::isnan(values[best]) && !std::isnan(values[i]))) best = i;
  }
  return static_cast<std::int64_t>(best);
}

}  // namespace espalier::inline v1
