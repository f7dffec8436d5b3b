// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The messages of onnx.proto, as far as networks need them. Large data stays in the file's bytes, which must outlive
/// them. https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::exchange {

/// TensorProto.DataType, those that are read.
namespace element {
inline constexpr std::int64_t kFloat = 1;
inline constexpr std::int64_t kInt64 = 7;
inline constexpr std::int64_t kDouble = 11;
}  // namespace element
/// "float16", "uint8", ...: for messages.
std::string element_name(std::int64_t data_type);

struct TensorProto {
  std::string name;
  std::int64_t data_type = 0;
  std::vector<std::int64_t> dims;
  std::optional<std::string_view> raw;
  std::vector<float> floats;
  std::vector<double> doubles;
  std::vector<std::int64_t> integers;  ///< int64_data, or int32_data
  bool external = false;
};

/// AttributeProto.AttributeType, those that are read or written.
namespace attribute {
inline constexpr std::int64_t kFloat = 1;
inline constexpr std::int64_t kInt = 2;
inline constexpr std::int64_t kString = 3;
inline constexpr std::int64_t kInts = 7;
}  // namespace attribute

struct AttributeProto {
  std::string name;
  std::int64_t type = 0;  ///< some writers leave a 0 out, and only this says that it is one
  std::optional<std::int64_t> integer;
  std::optional<float> real;
  std::optional<std::string> text;
  std::optional<TensorProto> tensor;
  std::vector<std::int64_t> integers;
  std::vector<float> reals;
};

struct NodeProto {
  std::string name;
  std::string op;
  std::string domain;
  std::vector<std::string> inputs;  ///< an empty name stands for an input that is left out
  std::vector<std::string> outputs;
  std::vector<AttributeProto> attributes;
};

/// An input or output of the graph.
struct ValueProto {
  std::string name;
  std::int64_t data_type = 0;
  std::optional<std::vector<std::optional<std::int64_t>>> shape;  ///< an axis without a number is symbolic
};

struct GraphProto {
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ValueProto> inputs;
  std::vector<ValueProto> outputs;
  bool has_sparse = false;
};

struct ModelProto {
  std::int64_t ir_version = 0;
  std::optional<std::int64_t> opset;  ///< of the standard operators
  std::optional<GraphProto> graph;
};

ModelProto parse_model(std::string_view bytes);

}  // namespace espalier::exchange
