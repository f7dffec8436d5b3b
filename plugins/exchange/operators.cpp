// SPDX-License-Identifier: Apache-2.0
#include "operators.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <string_view>

#include <fmt/format.h>

#include "constants.hpp"

namespace espalier::exchange {
namespace {

using Handler = Value (*)(Call&);

const std::map<std::string_view, Handler>& handlers() {
  static const std::map<std::string_view, Handler> kAll = {
      {"Add", add},
      {"AveragePool", average_pool},
      {"BatchNormalization", batch_normalization},
      {"Constant", constant},
      {"Conv", conv},
      {"Div", divide},
      {"Dropout", dropout},
      {"Flatten", flatten},
      {"Gemm", gemm},
      {"Identity", identity},
      {"MatMul", matmul},
      {"Mul", multiply},
      {"Pad", pad},
      {"Relu", relu},
      {"Reshape", reshape},
      {"Sub", subtract},
      {"Transpose", transpose},
  };
  return kAll;
}

/// The same elements under another shape.
Value with_shape(Call& call, const Value& value, Shape shape) {
  require_sensible(shape);
  if (const auto* tensor = std::get_if<Tensor>(&value)) return tensor->reshaped(std::move(shape));
  const auto& flow = std::get<Flow>(value);
  const int same = call.net().as(call.net().settled(flow, call.name()), sample_shape(shape), call.name());
  Flow out(same, std::move(shape));
  out.shared = flow.shared;
  return out;
}

const Shape& shape_of(const Value& value) {
  const auto* tensor = std::get_if<Tensor>(&value);
  return tensor != nullptr ? tensor->shape() : std::get<Flow>(value).shape;
}

std::int64_t product(Shape::const_iterator begin, Shape::const_iterator end) {
  return std::accumulate(begin, end, std::int64_t{1}, std::multiplies<>());
}

/// Whether a permutation leaves the elements in their order: it moves axes of extent 1 only.
bool keeps_order(const Shape& shape, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> moving;
  std::ranges::copy_if(order, std::back_inserter(moving),
                       [&](std::int64_t axis) { return shape[static_cast<std::size_t>(axis)] != 1; });
  return std::ranges::is_sorted(moving);
}

void require_order(const Call& call, const std::vector<std::int64_t>& order, std::size_t rank) {
  std::vector<std::int64_t> sorted = order;
  std::vector<std::int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  std::ranges::sort(sorted);
  if (sorted != axes) {
    call.fail(fmt::format("{} is not an order of {} axes", to_text(order), rank), Code::damaged);
  }
}

}  // namespace

void require_known_operator(const NodeProto& node) {
  const bool standard = node.domain.empty() || node.domain == "ai.onnx";
  if (standard && handlers().contains(node.op)) return;
  std::string known;
  for (const auto& [name, handler] : handlers()) known += (known.empty() ? "" : ", ") + std::string(name);
  throw Error(
      Code::unsupported,
      standard ? "this operator is not read" : fmt::format("operators of the domain '{}' are not read", node.domain),
      fmt::format("read are: {}", known));
}

Value evaluate(Call& call, const std::string& op) {
  Value result = handlers().at(op)(call);
  call.require_all_known();
  if (const auto* flow = std::get_if<Flow>(&result)) require_sensible(flow->shape);
  return result;
}

Value constant(Call& call) {
  call.require_inputs(0, 0);
  const AttributeProto* value = call.find("value");
  if (value == nullptr || !value->tensor) call.fail("only constants that are tensors are read");
  return constant_from(*value->tensor);
}

Value identity(Call& call) {
  call.require_inputs(1, 1);
  return call.input(0);
}

/// What it does when a network is used: nothing. Opset 12 can ask for training by its third input.
Value dropout(Call& call) {
  call.require_inputs(1, 2);
  call.real("ratio", 0.5F);
  call.integer("seed", 0);
  return call.input(0);
}

Value relu(Call& call) {
  call.require_inputs(1, 1);
  const Flow& x = call.flow(0);
  const int in = call.net().settled(x, call.name());
  return Flow(call.net().add(call.name(), Relu{}, {in}, call.net().shape(in)), x.shape);
}

Value flatten(Call& call) {
  call.require_inputs(1, 1);
  const Shape& shape = shape_of(call.input(0));
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::int64_t axis = call.integer("axis", 1);
  if (axis < -rank || axis > rank) call.fail(fmt::format("axis {} of shape {}", axis, to_text(shape)), Code::damaged);
  if (axis < 0) axis += rank;
  return with_shape(call, call.input(0),
                    {product(shape.begin(), shape.begin() + axis), product(shape.begin() + axis, shape.end())});
}

Value reshape(Call& call) {
  call.require_inputs(2, 2);
  const Shape& in = shape_of(call.input(0));
  Shape out = call.integers(1);
  const bool zero_is_zero = call.integer("allowzero", 0) != 0;
  for (std::size_t i = 0; i < out.size() && !zero_is_zero; ++i) {
    if (out[i] == 0 && i < in.size()) out[i] = in[i];
  }
  const auto open = std::ranges::find(out, -1);
  if (open != out.end()) {
    *open = 1;
    require_sensible(out);
    *open = element_count(in) / element_count(out);
  }
  require_sensible(out);
  if (element_count(out) != element_count(in)) {
    call.fail(fmt::format("a value of shape {}, with a batch of 1, cannot become {}", to_text(in), to_text(out)));
  }
  return with_shape(call, call.input(0), std::move(out));
}

Value transpose(Call& call) {
  call.require_inputs(1, 1);
  const Shape& shape = shape_of(call.input(0));
  std::vector<std::int64_t> order(shape.size());
  std::iota(order.rbegin(), order.rend(), 0);
  order = call.integers("perm", std::move(order));
  require_order(call, order, shape.size());
  Shape out;
  for (const std::int64_t axis : order) out.push_back(shape[static_cast<std::size_t>(axis)]);
  if (keeps_order(shape, order)) return with_shape(call, call.input(0), std::move(out));
  if (call.is_constant(0)) return transposed(std::get<Tensor>(call.input(0)), order);
  Shape in = shape;
  if (shape[0] == 1 && order[0] == 0) {  // the batch stays where it is: not an axis of a sample
    in.erase(in.begin());
    order.erase(order.begin());
    for (std::int64_t& axis : order) --axis;
  }
  const int value = call.net().as(call.net().settled(call.flow(0), call.name()), in, call.name() + ".axes");
  Shape turned;
  for (const std::int64_t axis : order) turned.push_back(in[static_cast<std::size_t>(axis)]);
  return Flow(call.net().add(call.name(), Transpose{order}, {value}, turned), std::move(out));
}

}  // namespace espalier::exchange
