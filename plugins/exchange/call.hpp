// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <espalier/error.hpp>

#include "builder.hpp"
#include "proto.hpp"

namespace espalier::exchange {

/// A tensor of the file: fixed, or made from the network's input.
using Value = std::variant<Tensor, Flow>;

/// One node at work. Everything it does not understand is refused in its name.
class Call {
 public:
  /// `inputs` has null where the file leaves an input out.
  Call(const NodeProto& node, std::vector<const Value*> inputs, std::int64_t opset, Builder& net)
      : node_(node), inputs_(std::move(inputs)), opset_(opset), net_(net) {}

  Builder& net() const { return net_; }
  std::int64_t opset() const { return opset_; }
  /// What the file calls it; the first output where it has no name.
  const std::string& name() const { return node_.name.empty() ? node_.outputs[0] : node_.name; }
  [[noreturn]] void fail(const std::string& text, Code code = Code::unsupported) const;

  void require_inputs(std::size_t least, std::size_t most) const;
  bool has(std::size_t input) const { return input < inputs_.size() && inputs_[input] != nullptr; }
  const Value& input(std::size_t i) const;
  bool is_constant(std::size_t i) const { return std::holds_alternative<Tensor>(input(i)); }
  const Flow& flow(std::size_t i) const;
  const Tensor& floats(std::size_t i) const;
  std::vector<std::int64_t> integers(std::size_t i) const;

  /// Attributes; each is known from here on.
  std::int64_t integer(const char* name, std::int64_t fallback);
  float real(const char* name, float fallback);
  std::string text(const char* name, std::string fallback);
  std::vector<std::int64_t> integers(const char* name, std::vector<std::int64_t> fallback);
  const AttributeProto* find(const char* name);
  /// Refuses the attributes that nobody asked for: they would change what is computed.
  void require_all_known() const;

 private:
  const NodeProto& node_;
  std::vector<const Value*> inputs_;
  std::int64_t opset_;
  Builder& net_;
  std::set<std::string> known_;
};

/// Works one node of the standard operators out.
Value evaluate(Call& call, const std::string& op);
/// By name; throws Error(unsupported) for those that are not read.
void require_known_operator(const NodeProto& node);

}  // namespace espalier::exchange
