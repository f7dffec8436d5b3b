// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "constants.hpp"
#include "operators.hpp"

namespace espalier::exchange {
namespace {

Tensor filled(const Shape& shape, float value) {
  return Tensor::of(shape, std::vector<float>(static_cast<std::size_t>(element_count(shape)), value));
}

bool is_all(const Tensor& t, float value) {
  return std::ranges::all_of(t.as<float>(), [=](float v) { return v == value; });
}

Tensor negated(const Tensor& t) {
  std::vector<float> values = t.to_floats();
  for (float& v : values) v = -v;
  return Tensor::of(t.shape(), std::move(values));
}

/// A constant beside a flow, repeated to the flow's shape and counted.
Tensor beside(Call& call, const Tensor& constant, const Flow& x) {
  const Shape shape = broadcast(constant.shape(), x.shape);
  if (shape != x.shape) {
    call.fail(fmt::format("a constant of shape {} makes more of a value of shape {}", to_text(constant.shape()),
                          to_text(x.shape)));
  }
  if (constant.shape() != shape) call.net().count_made(element_count(shape));
  return expanded(constant, shape);
}

/// y = scale x / divisor + shift as a layer, where an absent factor is 1 and an absent shift 0. A shift or divisor goes
/// into the layer before it when that is exact.
Value scaled(Call& call, const Flow& x, const std::optional<Tensor>& scale, const std::optional<Tensor>& divisor,
             const std::optional<Tensor>& shift) {
  const int in = call.net().settled(x, call.name());
  const Shape& shape = call.net().shape(in);
  const auto in_shape = [&](const std::optional<Tensor>& t) { return t ? t->reshaped(shape) : Tensor(); };
  auto* before = call.net().op(x) == nullptr ? nullptr : std::get_if<Affine>(call.net().op(x));
  if (before != nullptr && !scale && is_all(before->shift, 0) && (before->divisor.empty() || !divisor)) {
    if (divisor) before->divisor = in_shape(divisor);
    if (shift) before->shift = in_shape(shift);
    return x;
  }
  call.net().count_made(element_count(shape));
  const Affine op{.scale = scale ? in_shape(scale) : filled(shape, 1),
                  .shift = shift ? in_shape(shift) : filled(shape, 0),
                  .divisor = in_shape(divisor)};
  return Flow(call.net().add(call.name(), op, {in}, shape), x.shape);
}

/// A constant as the bias of the linear layer or convolution that x is, where that had none.
bool becomes_bias(Call& call, const Flow& x, const Tensor& constant) {
  Op* op = call.net().op(x);
  if (op == nullptr || !call.net().lacks_bias(x.value)) return false;
  if (auto* linear = std::get_if<Linear>(op)) {
    linear->bias = beside(call, constant, x).reshaped(linear->bias.shape());
  } else if (auto* conv = std::get_if<Conv2d>(op)) {
    const Shape channels{1, conv->bias.size(), 1, 1};
    beside(call, constant, x);
    if (broadcast(constant.shape(), channels) != channels) return false;
    conv->bias = expanded(constant, channels).reshaped(conv->bias.shape());
  } else {
    return false;
  }
  call.net().set_lacks_bias(x.value, false);
  return true;
}

Value shifted(Call& call, const Flow& x, const Tensor& constant) {
  if (is_all(constant, 0) && broadcast(constant.shape(), x.shape) == x.shape) return x;
  if (becomes_bias(call, x, constant)) return x;
  return scaled(call, x, {}, {}, beside(call, constant, x));
}

/// Both inputs constants: worked out, unless that would round.
std::optional<Value> folded(Call& call, Arithmetic how) {
  call.require_inputs(2, 2);
  if (!call.is_constant(0) || !call.is_constant(1)) return std::nullopt;
  const Shape shape = broadcast(call.floats(0).shape(), call.floats(1).shape());
  require_sensible(shape);
  call.net().count_made(element_count(shape));
  return exactly(how, expanded(call.floats(0), shape), expanded(call.floats(1), shape));
}

Value sum(Call& call, const Flow& a, const Flow& b) {
  if (broadcast(a.shape, b.shape) != a.shape || element_count(a.shape) != element_count(b.shape)) {
    call.fail(fmt::format("values of shapes {} and {} are not combined", to_text(a.shape), to_text(b.shape)));
  }
  const int left = call.net().settled(a, call.name());
  const Shape shape = call.net().shape(left);
  const int right = call.net().as(call.net().settled(b, call.name()), shape, call.name() + ".other");
  return Flow(call.net().add(call.name(), Add{}, {left, right}, shape), a.shape);
}

/// factor * t, or a failure when that rounds; a factor of 1 is what exporters write.
Tensor times(const Tensor& t, float factor) {
  return factor == 1 ? t : exactly(Arithmetic::multiply, t, filled(t.shape(), factor));
}

/// A linear layer on a row, or a column, of a value.
Value dense(Call& call, const Flow& x, Tensor weight, std::optional<Tensor> bias, Shape out) {
  const std::int64_t outputs = weight.dim(0);
  const int row = call.net().as(call.net().settled(x, call.name()), {weight.dim(1)}, call.name() + ".row");
  const bool lacks_bias = !bias;
  Linear op{.weight = std::move(weight), .bias = bias ? *bias : filled({outputs}, 0), .mask = {}};
  const int value = call.net().add(call.name(), std::move(op), {row}, {outputs});
  call.net().set_lacks_bias(value, lacks_bias);
  return Flow(value, std::move(out));
}

/// A matrix out of a constant of more axes, all of extent 1.
Tensor matrix_of(const Call& call, const Tensor& t) {
  const bool fits = t.rank() >= 2 && !t.empty() && t.size() == t.dim(t.rank() - 1) * t.dim(t.rank() - 2);
  if (fits) return t.reshaped({t.dim(t.rank() - 2), t.dim(t.rank() - 1)});
  call.fail(fmt::format("a constant of shape {} is no matrix", to_text(t.shape())));
}

/// Leading axes of extent 1 for a result of as many axes as either factor has.
Shape with_rank(std::size_t rank, std::vector<std::int64_t> last) {
  Shape out(rank > last.size() ? rank - last.size() : 0, 1);
  out.insert(out.end(), last.begin(), last.end());
  return out;
}

[[noreturn]] void refuse_product(const Call& call, const Shape& left, const Shape& right) {
  call.fail(
      fmt::format("a product of shapes {} and {} is not a linear layer on one sample", to_text(left), to_text(right)));
}

/// x W, with x a row: [..., 1, k] or [k].
Value row_times_matrix(Call& call, const Flow& x, const Tensor& constant) {
  const Tensor matrix = matrix_of(call, constant);
  if (x.shape.back() != matrix.dim(0) || element_count(x.shape) != matrix.dim(0)) {
    refuse_product(call, x.shape, constant.shape());
  }
  const auto rank = static_cast<std::size_t>(constant.rank());
  Shape out = x.shape.size() == 1 ? with_rank(rank - 1, {matrix.dim(1)})
                                  : with_rank(std::max(rank, x.shape.size()), {1, matrix.dim(1)});
  return dense(call, x, transposed(matrix), std::nullopt, std::move(out));
}

/// W x, with x a column: [..., k, 1] or [k].
Value matrix_times_column(Call& call, const Tensor& constant, const Flow& x) {
  const Tensor matrix = matrix_of(call, constant);
  const std::size_t axes = x.shape.size();
  const std::int64_t height = axes == 1 ? x.shape[0] : x.shape[axes - 2];
  if (height != matrix.dim(1) || element_count(x.shape) != height) {
    refuse_product(call, constant.shape(), x.shape);
  }
  const auto rank = static_cast<std::size_t>(constant.rank());
  Shape out = axes == 1 ? with_rank(rank - 1, {matrix.dim(0)}) : with_rank(std::max(rank, axes), {matrix.dim(0), 1});
  return dense(call, x, matrix, std::nullopt, std::move(out));
}

}  // namespace

Value add(Call& call) {
  if (auto constant = folded(call, Arithmetic::add)) return *constant;
  if (call.is_constant(0)) return shifted(call, call.flow(1), call.floats(0));
  if (call.is_constant(1)) return shifted(call, call.flow(0), call.floats(1));
  return sum(call, call.flow(0), call.flow(1));
}

Value subtract(Call& call) {
  if (auto constant = folded(call, Arithmetic::subtract)) return *constant;
  if (call.is_constant(1)) return shifted(call, call.flow(0), negated(call.floats(1)));
  const Flow& taken = call.flow(1);
  call.net().count_made(element_count(taken.shape));
  const Tensor minus = filled(taken.shape, -1);
  if (call.is_constant(0)) return scaled(call, taken, minus, {}, beside(call, call.floats(0), taken));
  const Flow negative = std::get<Flow>(scaled(call, taken, minus, {}, {}));
  return sum(call, call.flow(0), negative);
}

Value multiply(Call& call) {
  if (auto constant = folded(call, Arithmetic::multiply)) return *constant;
  const std::size_t factor = call.is_constant(0) ? 0 : 1;
  const Flow& x = call.flow(1 - factor);
  if (!call.is_constant(factor)) call.fail("a product of two values that depend on the input is not read");
  const Tensor scale = beside(call, call.floats(factor), x);
  return is_all(scale, 1) ? Value(x) : scaled(call, x, scale, {}, {});
}

Value divide(Call& call) {
  if (auto constant = folded(call, Arithmetic::divide)) return *constant;
  if (!call.is_constant(1)) call.fail("division by a value that depends on the input is not read");
  const Tensor divisor = beside(call, call.floats(1), call.flow(0));
  if (std::ranges::count(divisor.as<float>(), 0.0F) > 0) call.fail("it divides by 0", Code::numeric);
  return is_all(divisor, 1) ? Value(call.flow(0)) : scaled(call, call.flow(0), {}, divisor, {});
}

Value gemm(Call& call) {
  call.require_inputs(2, 3);
  const Flow& x = call.flow(0);
  const Tensor& b = call.floats(1);
  if (call.integer("transA", 0) != 0) call.fail("its first input is transposed (transA)");
  const bool is_transposed = call.integer("transB", 0) != 0;
  if (b.rank() != 2 || b.empty() || x.shape != Shape{1, b.dim(is_transposed ? 1 : 0)}) {
    call.fail(
        fmt::format("a weight of shape {} does not fit a value of shape {}", to_text(b.shape()), to_text(x.shape)),
        Code::damaged);
  }
  const Tensor weight = times(is_transposed ? b : transposed(b), call.real("alpha", 1));
  const float beta = call.real("beta", 1);
  const Shape out{1, weight.dim(0)};
  std::optional<Tensor> bias;
  if (call.has(2)) {
    const Tensor& c = call.floats(2);
    if (broadcast(c.shape(), out) != out) {
      call.fail(fmt::format("a bias of shape {} does not fit {}", to_text(c.shape()), to_text(out)), Code::damaged);
    }
    bias = times(expanded(c, out).reshaped({weight.dim(0)}), beta);
  }
  return dense(call, x, weight, bias, out);
}

Value matmul(Call& call) {
  call.require_inputs(2, 2);
  if (call.is_constant(1)) return row_times_matrix(call, call.flow(0), call.floats(1));
  if (call.is_constant(0)) return matrix_times_column(call, call.floats(0), call.flow(1));
  call.fail("a product of two values that depend on the input is not read");
}

Value batch_normalization(Call& call) {
  call.require_inputs(5, 5);
  const Flow& x = call.flow(0);
  call.real("momentum", 0.9F);
  if (call.integer("training_mode", 0) != 0) call.fail("it is in training mode");
  if (x.shape.size() < 2 || x.shape[0] != 1) {
    call.fail(fmt::format("its input has shape {}; [1, channels, ...] is read", to_text(x.shape)));
  }
  const Shape shape = sample_shape(x.shape);
  const auto channels = [&](std::size_t i) {
    if (call.floats(i).shape() == Shape{shape[0]}) return call.floats(i);
    call.fail(fmt::format("input {} has shape {} for {} channels", i, to_text(call.floats(i).shape()), shape[0]),
              Code::damaged);
  };
  const int in = call.net().as(call.net().settled(x, call.name()), shape, call.name() + ".sample");
  const BatchNorm op{channels(1), channels(2), channels(3), channels(4), call.real("epsilon", 1e-5F)};
  return Flow(call.net().add(call.name(), op, {in}, shape), x.shape);
}

}  // namespace espalier::exchange
