// SPDX-License-Identifier: Apache-2.0
#include "proto.hpp"

#include <array>

#include <fmt/format.h>

#include "wire.hpp"

namespace espalier::exchange {
namespace {

TensorProto parse_tensor(std::string_view message) {
  TensorProto out;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case 1:
        in.append_to(out.dims);
        break;
      case 2:
        out.data_type = in.integer();
        break;
      case 4:
        in.append_fixed_to(out.floats);
        break;
      case 5:
      case 7:
        in.append_to(out.integers);
        break;
      case 8:
        out.name = in.text();
        break;
      case 9:
        out.raw = in.bytes();
        break;
      case 10:
        in.append_fixed_to(out.doubles);
        break;
      case 13:
        out.external = true;
        break;
      default:  // documentation, and data of types that are refused
        break;
    }
  }
  return out;
}

AttributeProto parse_attribute(std::string_view message) {
  AttributeProto out;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case 1:
        out.name = in.text();
        break;
      case 2:
        out.real = in.real();
        break;
      case 3:
        out.integer = in.integer();
        break;
      case 4:
        out.text = in.text();
        break;
      case 5:
        out.tensor = parse_tensor(in.bytes());
        break;
      case 7:
        in.append_fixed_to(out.reals);
        break;
      case 8:
        in.append_to(out.integers);
        break;
      case 20:
        out.type = in.integer();
        break;
      default:
        break;
    }
  }
  return out;
}

NodeProto parse_node(std::string_view message) {
  NodeProto out;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case 1:
        out.inputs.push_back(in.text());
        break;
      case 2:
        out.outputs.push_back(in.text());
        break;
      case 3:
        out.name = in.text();
        break;
      case 4:
        out.op = in.text();
        break;
      case 5:
        out.attributes.push_back(parse_attribute(in.bytes()));
        break;
      case 7:
        out.domain = in.text();
        break;
      default:
        break;
    }
  }
  return out;
}

/// TensorShapeProto.Dimension: a number, or a name, or neither.
std::optional<std::int64_t> parse_axis(std::string_view message) {
  std::optional<std::int64_t> out;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) out = in.integer();
  }
  if (out && *out <= 0) out.reset();  // how some exporters write "any"
  return out;
}

/// TypeProto.Tensor into a value.
void parse_type(std::string_view message, ValueProto& out) {
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) out.data_type = in.integer();
    if (in.field() != 2) continue;
    out.shape.emplace();
    for (WireReader shape(in.bytes()); shape.next();) {
      if (shape.field() == 1) out.shape->push_back(parse_axis(shape.bytes()));
    }
  }
}

ValueProto parse_value(std::string_view message) {
  ValueProto out;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) out.name = in.text();
    if (in.field() != 2) continue;
    for (WireReader type(in.bytes()); type.next();) {
      if (type.field() == 1) parse_type(type.bytes(), out);
    }
  }
  return out;
}

GraphProto parse_graph(std::string_view message) {
  GraphProto out;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case 1:
        out.nodes.push_back(parse_node(in.bytes()));
        break;
      case 5:
        out.initializers.push_back(parse_tensor(in.bytes()));
        break;
      case 11:
        out.inputs.push_back(parse_value(in.bytes()));
        break;
      case 12:
        out.outputs.push_back(parse_value(in.bytes()));
        break;
      case 15:
        out.has_sparse = true;
        break;
      default:
        break;
    }
  }
  return out;
}

void parse_opset(std::string_view message, ModelProto& out) {
  std::string domain;
  std::int64_t version = 0;
  for (WireReader in(message); in.next();) {
    if (in.field() == 1) domain = in.text();
    if (in.field() == 2) version = in.integer();
  }
  if (domain.empty() || domain == "ai.onnx") out.opset = version;
}

}  // namespace

std::string element_name(std::int64_t data_type) {
  constexpr std::array<std::string_view, 17> kNames = {
      "undefined", "float",   "uint8",  "int8",   "uint16", "int16",     "int32",      "int64",   "string",
      "bool",      "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"};
  if (data_type < 0 || data_type >= std::ssize(kNames)) return fmt::format("number {}", data_type);
  return std::string(kNames[static_cast<std::size_t>(data_type)]);
}

ModelProto parse_model(std::string_view bytes) {
  ModelProto out;
  for (WireReader in(bytes); in.next();) {
    if (in.field() == 1) out.ir_version = in.integer();
    if (in.field() == 7) out.graph = parse_graph(in.bytes());
    if (in.field() == 8) parse_opset(in.bytes(), out);
  }
  return out;
}

}  // namespace espalier::exchange
