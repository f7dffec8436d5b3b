// SPDX-License-Identifier: Apache-2.0
// A network as a ModelProto of opset 13: one node a layer, two or three for an affine one.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "onnx.hpp"
#include "proto.hpp"
#include "wire.hpp"

namespace espalier::exchange {
namespace {

constexpr std::int64_t kIrVersion = 7;
constexpr std::int64_t kOpset = 13;

using Names = std::vector<std::string>;

std::string tensor_message(const std::string& name, const Tensor& t) {
  WireWriter out;
  for (const std::int64_t d : t.shape()) out.integer(1, d);
  out.integer(2, t.dtype() == DType::f32 ? element::kFloat : element::kInt64);
  out.bytes(8, name);
  const auto raw = t.bytes();
  out.bytes(9, {reinterpret_cast<const char*>(raw.data()), raw.size()});
  return out.message();
}

/// The attributes of a node, as messages.
class Attributes {
 public:
  Attributes& integer(const char* name, std::int64_t value) {
    return take(WireWriter().bytes(1, name).integer(3, value).integer(20, attribute::kInt));
  }
  Attributes& real(const char* name, float value) {
    return take(WireWriter().bytes(1, name).real(2, value).integer(20, attribute::kFloat));
  }
  Attributes& integers(const char* name, const std::vector<std::int64_t>& values) {
    WireWriter out;
    out.bytes(1, name);
    for (const std::int64_t v : values) out.integer(8, v);
    return take(out.integer(20, attribute::kInts));
  }
  const std::vector<std::string>& messages() const { return messages_; }

 private:
  Attributes& take(const WireWriter& message) {
    messages_.push_back(message.message());
    return *this;
  }
  std::vector<std::string> messages_;
};

std::string value_message(const std::string& name, const Shape& sample) {
  WireWriter shape;
  shape.bytes(1, WireWriter().bytes(2, "batch").message());
  for (const std::int64_t d : sample) shape.bytes(1, WireWriter().integer(1, d).message());
  const std::string type = WireWriter().integer(1, element::kFloat).bytes(2, shape.message()).message();
  return WireWriter().bytes(1, name).bytes(2, WireWriter().bytes(1, type).message()).message();
}

std::vector<std::int64_t> twice(const std::array<std::int64_t, 2>& pair) {
  return {pair[0], pair[1], pair[0], pair[1]};
}
std::vector<std::int64_t> list(const std::array<std::int64_t, 2>& pair) {
  return {pair[0], pair[1]};
}

Tensor integers(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::of({count}, std::move(values));
}

bool is_all(const Tensor& t, float value) {
  return std::ranges::all_of(t.as<float>(), [=](float v) { return v == value; });
}

class GraphWriter {
 public:
  explicit GraphWriter(const Network& network) : network_(network) {
    values_.push_back(unique("input"));
    graph_.bytes(2, "espalier");
    graph_.bytes(11, value_message(values_[0], network.input_shape()));
  }

  std::string message() {
    for (const Layer& layer : network_.layers()) write(layer);
    graph_.bytes(12, value_message(values_.back(), network_.output_shape()));
    return graph_.message();
  }

 private:
  /// A name that nothing has yet.
  std::string unique(const std::string& wish) {
    std::string name = wish.empty() ? "layer" : wish;
    for (int i = 2; !taken_.insert(name).second; ++i) name = fmt::format("{}.{}", wish, i);
    return name;
  }

  std::string weight(const std::string& name, const Tensor& t) {
    const std::string unused = unique(name);
    graph_.bytes(5, tensor_message(unused, t));
    return unused;
  }

  /// One node; the result is the name of what it makes.
  std::string node(const std::string& name, const char* op, const Names& inputs, const Attributes& attributes = {}) {
    const std::string output = unique(name);
    WireWriter out;
    for (const std::string& input : inputs) out.bytes(1, input);
    out.bytes(2, output).bytes(3, name).bytes(4, op);
    for (const std::string& message : attributes.messages()) out.bytes(5, message);
    graph_.bytes(1, out.message());
    return output;
  }

  void write(const Layer& layer) {
    Names in;
    for (const int value : layer.inputs) in.push_back(values_[static_cast<std::size_t>(value)]);
    values_.push_back(std::visit([&](const auto& op) { return write(layer.name, op, in); }, layer.op));
  }

  std::string write(const std::string& name, const Linear& op, const Names& in) {
    return node(name, "Gemm", {in[0], weight(name + ".weight", op.weight), weight(name + ".bias", op.bias)},
                Attributes().integer("transB", 1));
  }
  std::string write(const std::string& name, const Conv2d& op, const Names& in) {
    return node(name, "Conv", {in[0], weight(name + ".weight", op.weight), weight(name + ".bias", op.bias)},
                Attributes()
                    .integers("kernel_shape", {op.weight.dim(2), op.weight.dim(3)})
                    .integers("strides", list(op.stride))
                    .integers("pads", twice(op.padding))
                    .integers("dilations", list(op.dilation))
                    .integer("group", op.groups));
  }
  std::string write(const std::string& name, const BatchNorm& op, const Names& in) {
    const auto epsilon = static_cast<float>(op.epsilon);
    if (double{epsilon} != op.epsilon) {
      throw Error(
          Code::unsupported,
          fmt::format("layer '{}' (batch_norm): its epsilon {} is not a float, as ONNX has it", name, op.epsilon),
          "fold batch norms into the layers beside them first, with the stage fold.batchnorm");
    }
    return node(name, "BatchNormalization",
                {in[0], weight(name + ".gamma", op.gamma), weight(name + ".beta", op.beta),
                 weight(name + ".mean", op.mean), weight(name + ".variance", op.variance)},
                Attributes().real("epsilon", epsilon));
  }
  std::string write(const std::string& name, const Relu&, const Names& in) { return node(name, "Relu", in); }
  std::string write(const std::string& name, const Add&, const Names& in) { return node(name, "Add", in); }
  std::string write(const std::string& name, const Flatten&, const Names& in) {
    return node(name, "Flatten", in, Attributes().integer("axis", 1));
  }
  std::string write(const std::string& name, const AvgPool& op, const Names& in) {
    return node(name, "AveragePool", in,
                Attributes()
                    .integers("kernel_shape", list(op.kernel))
                    .integers("strides", list(op.stride))
                    .integers("pads", twice(op.padding))
                    .integer("count_include_pad", 1));
  }
  /// Mul, Div and Add, those that do something; the reader makes one layer of them again.
  std::string write(const std::string& name, const Affine& op, const Names& in) {
    std::string value = in[0];
    if (!is_all(op.scale, 1)) value = node(name, "Mul", {value, weight(name + ".scale", op.scale)});
    if (!op.divisor.empty()) value = node(name, "Div", {value, weight(name + ".divisor", op.divisor)});
    if (!is_all(op.shift, 0)) value = node(name, "Add", {value, weight(name + ".shift", op.shift)});
    return value != in[0] ? value : node(name, "Identity", in);
  }
  std::string write(const std::string& name, const Reshape& op, const Names& in) {
    std::vector<std::int64_t> shape{0};  // the batch as it is
    shape.insert(shape.end(), op.shape.begin(), op.shape.end());
    return node(name, "Reshape", {in[0], weight(name + ".shape", integers(std::move(shape)))});
  }
  std::string write(const std::string& name, const Transpose& op, const Names& in) {
    std::vector<std::int64_t> order{0};
    for (const std::int64_t axis : op.order) order.push_back(axis + 1);
    return node(name, "Transpose", in, Attributes().integers("perm", order));
  }
  std::string write(const std::string& name, const Pad& op, const Names& in) {
    const Tensor pads = integers({0, 0, op.before[0], op.before[1], 0, 0, op.after[0], op.after[1]});
    return node(name, "Pad", {in[0], weight(name + ".pads", pads)});
  }

  const Network& network_;
  WireWriter graph_;
  Names values_;  ///< by the number of the value
  std::set<std::string> taken_;
};

}  // namespace

std::string onnx_bytes(const Network& network) {
  WireWriter model;
  model.integer(1, kIrVersion).bytes(2, "espalier");
  model.bytes(8, WireWriter().bytes(1, "").integer(2, kOpset).message());
  model.bytes(7, GraphWriter(network).message());
  return model.message();
}

}  // namespace espalier::exchange
