// SPDX-License-Identifier: Apache-2.0
// How a network is stored. The layout is in schemas/artifacts.md: change both, and Network::kFormat, together.
#include <limits>

#include <fmt/format.h>

#include <espalier/network.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

using artifact::column;
using artifact::to_vector;
using artifact::vector_tensor;
using Pair = std::array<std::int64_t, 2>;

Tensor pair_tensor(const Pair& pair) {
  return vector_tensor({pair[0], pair[1]});
}

void set_mask(Fields& fields, const std::string& at, const Tensor& mask) {
  if (!mask.empty()) fields.set(at + "mask", mask);
}

/// Writes the parameters of an op under `at`, which ends in '/'. An op without parameters has no fields.
void set_op(Fields& fields, const std::string& at, const Op& op) {
  const auto set = [&](const char* name, Field value) { fields.set(at + name, std::move(value)); };
  std::visit(Overloaded{[&](const Linear& o) {
                          set("weight", o.weight);
                          set("bias", o.bias);
                          set_mask(fields, at, o.mask);
                        },
                        [&](const Conv2d& o) {
                          set("weight", o.weight);
                          set("bias", o.bias);
                          set_mask(fields, at, o.mask);
                          set("stride", pair_tensor(o.stride));
                          set("padding", pair_tensor(o.padding));
                          set("dilation", pair_tensor(o.dilation));
                          set("groups", o.groups);
                        },
                        [&](const BatchNorm& o) {
                          set("gamma", o.gamma);
                          set("beta", o.beta);
                          set("mean", o.mean);
                          set("variance", o.variance);
                          set("epsilon", o.epsilon);
                        },
                        [](const Relu&) {}, [](const Add&) {}, [](const Flatten&) {},
                        [&](const AvgPool& o) {
                          set("kernel", pair_tensor(o.kernel));
                          set("stride", pair_tensor(o.stride));
                          set("padding", pair_tensor(o.padding));
                        },
                        [&](const Affine& o) {
                          set("scale", o.scale);
                          set("shift", o.shift);
                          if (!o.divisor.empty()) set("divisor", o.divisor);
                        },
                        [&](const Reshape& o) { set("shape", vector_tensor(o.shape)); },
                        [&](const Transpose& o) { set("order", vector_tensor(o.order)); },
                        [&](const Pad& o) {
                          set("before", pair_tensor(o.before));
                          set("after", pair_tensor(o.after));
                        }},
             op);
}

/// Reads the parameters of the op called `name` from under `at`.
Op op_from(const Fields& fields, const std::string& at, std::string_view name) {
  const auto tensor = [&](const char* field) { return fields.tensor(at + field); };
  const auto pair = [&](const char* field) {
    const auto values = column<std::int64_t>(fields, at + field, 2);
    return Pair{values[0], values[1]};
  };
  if (name == "linear") return Linear{tensor("weight"), tensor("bias"), fields.tensor_or_absent(at + "mask")};
  if (name == "conv2d") {
    return Conv2d{.weight = tensor("weight"),
                  .bias = tensor("bias"),
                  .mask = fields.tensor_or_absent(at + "mask"),
                  .stride = pair("stride"),
                  .padding = pair("padding"),
                  .dilation = pair("dilation"),
                  .groups = fields.integer(at + "groups")};
  }
  if (name == "batch_norm") {
    return BatchNorm{tensor("gamma"), tensor("beta"), tensor("mean"), tensor("variance"), fields.real(at + "epsilon")};
  }
  if (name == "relu") return Relu{};
  if (name == "add") return Add{};
  if (name == "flatten") return Flatten{};
  if (name == "avg_pool") return AvgPool{pair("kernel"), pair("stride"), pair("padding")};
  if (name == "affine") return Affine{tensor("scale"), tensor("shift"), fields.tensor_or_absent(at + "divisor")};
  if (name == "reshape") return Reshape{to_vector(column<std::int64_t>(fields, at + "shape"))};
  if (name == "transpose") return Transpose{to_vector(column<std::int64_t>(fields, at + "order"))};
  if (name == "pad") return Pad{pair("before"), pair("after")};
  throw Error(Code::damaged, fmt::format("there is no operation '{}'", name),
              "it may come from a newer version: update espalier");
}

constexpr const char* kForeign = "no version of espalier writes such a network: make it again";
constexpr std::int64_t kNoInput = -1;  // fills the table of inputs where an op takes one value

std::vector<int> inputs_of(std::span<const std::int64_t, 2> stored) {
  std::vector<int> out;
  for (const std::int64_t v : stored) {
    if (v == kNoInput && !out.empty()) break;
    if (v < 0 || v > std::numeric_limits<int>::max()) {
      throw Error(Code::damaged, fmt::format("{} is not the number of a value", v), kForeign);
    }
    out.push_back(static_cast<int>(v));
  }
  return out;
}

}  // namespace

Fields Network::to_fields() const {
  Fields fields;
  std::vector<std::string> names;
  std::vector<std::string> ops;
  std::vector<std::int64_t> inputs;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    names.push_back(layer.name);
    ops.emplace_back(op_name(layer.op));
    inputs.push_back(layer.inputs[0]);
    inputs.push_back(layer.inputs.size() > 1 ? layer.inputs[1] : kNoInput);
    set_op(fields, fmt::format("layers/{}/", i), layer.op);
  }
  const auto count = static_cast<std::int64_t>(layers_.size());
  fields.set("input_shape", vector_tensor(input_shape_));
  fields.set("layer_names", std::move(names));
  fields.set("layer_ops", std::move(ops));
  fields.set("layer_inputs", Tensor::of<std::int64_t>({count, 2}, std::move(inputs)));
  return fields;
}

Network Network::from_fields(const Fields& fields) {
  return artifact::decoded<Network>(fields, [&] {
    const auto& names = fields.texts("layer_names");
    const auto& ops = fields.texts("layer_ops");
    const Tensor& inputs = fields.tensor("layer_inputs");
    const auto count = static_cast<std::int64_t>(ops.size());
    if (names.size() != ops.size() || inputs.dtype() != DType::i64 || inputs.shape() != Shape{count, 2}) {
      throw Error(Code::damaged,
                  fmt::format("{} layer names and inputs of shape {} for {} layers", names.size(),
                              to_text(inputs.shape()), count),
                  kForeign);
    }
    std::vector<Layer> layers;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const auto stored = inputs.as<std::int64_t>().subspan(2 * i).first<2>();
      layers.push_back({names[i], op_from(fields, fmt::format("layers/{}/", i), ops[i]), inputs_of(stored)});
    }
    return Network(to_vector(column<std::int64_t>(fields, "input_shape")), std::move(layers));
  });
}

}  // namespace espalier::inline v1
