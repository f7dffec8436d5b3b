// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "exchange/proto.hpp"
#include "exchange/wire.hpp"

namespace espalier::testing {

/// ONNX files by hand, message by message.
class OnnxFile {
 public:
  using Dims = std::vector<std::int64_t>;
  using Names = std::vector<std::string>;
  using Writer = exchange::WireWriter;

  explicit OnnxFile(std::int64_t opset = 13) : opset_(opset) {}

  /// An axis of -1 is called "N".
  OnnxFile& input(const std::string& name, const Dims& dims, std::int64_t type = exchange::element::kFloat) {
    graph_.bytes(11, value(name, dims, type));
    return *this;
  }
  OnnxFile& output(const std::string& name) {
    graph_.bytes(12, value(name, {-1, -1}, exchange::element::kFloat));
    return *this;
  }

  template <class T>
  OnnxFile& raw(const std::string& name, const Dims& dims, const std::vector<T>& values) {
    return initializer(raw_tensor(name, dims, values));
  }
  OnnxFile& initializer(const std::string& message) {
    graph_.bytes(5, message);
    return *this;
  }
  /// Attributes as messages.
  OnnxFile& node(const std::string& op, const Names& inputs, const std::string& output, const Names& attributes = {}) {
    Writer out;
    for (const std::string& name : inputs) out.bytes(1, name);
    out.bytes(2, output).bytes(3, "the " + op).bytes(4, op);
    for (const std::string& message : attributes) out.bytes(5, message);
    graph_.bytes(1, out.message());
    return *this;
  }

  std::string bytes() const {
    Writer out;
    out.integer(1, 7).bytes(8, Writer().bytes(1, "").integer(2, opset_).message()).bytes(7, graph_.message());
    return out.message();
  }

  static std::int64_t type_of(float) { return exchange::element::kFloat; }
  static std::int64_t type_of(double) { return exchange::element::kDouble; }
  static std::int64_t type_of(std::int64_t) { return exchange::element::kInt64; }
  static std::string head(const std::string& name, const Dims& dims, std::int64_t type) {
    Writer out;
    for (const std::int64_t d : dims) out.integer(1, d);
    return out.integer(2, type).bytes(8, name).message();
  }
  template <class T>
  static std::string packed(const std::vector<T>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
  }
  template <class T>
  static std::string raw_tensor(const std::string& name, const Dims& dims, const std::vector<T>& values) {
    return head(name, dims, type_of(T{})) + Writer().bytes(9, packed(values)).message();
  }

  static std::string number(const std::string& name, std::int64_t value) {
    return Writer().bytes(1, name).integer(3, value).integer(20, exchange::attribute::kInt).message();
  }
  static std::string real(const std::string& name, float value) {
    return Writer().bytes(1, name).real(2, value).integer(20, exchange::attribute::kFloat).message();
  }
  static std::string text(const std::string& name, const std::string& value) {
    return Writer().bytes(1, name).bytes(4, value).integer(20, exchange::attribute::kString).message();
  }
  static std::string numbers(const std::string& name, const Dims& values) {
    Writer out;
    out.bytes(1, name).integer(20, exchange::attribute::kInts);
    for (const std::int64_t v : values) out.integer(8, v);
    return out.message();
  }
  static std::string tensor(const std::string& name, const std::string& message) {
    return Writer().bytes(1, name).bytes(5, message).message();
  }

 private:
  static std::string value(const std::string& name, const Dims& dims, std::int64_t type) {
    Writer shape;
    for (const std::int64_t d : dims) {
      shape.bytes(1, d < 0 ? Writer().bytes(2, "N").message() : Writer().integer(1, d).message());
    }
    const std::string tensor_type = Writer().integer(1, type).bytes(2, shape.message()).message();
    return Writer().bytes(1, name).bytes(2, Writer().bytes(1, tensor_type).message()).message();
  }

  std::int64_t opset_;
  Writer graph_;
};

}  // namespace espalier::testing
