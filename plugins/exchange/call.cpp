// SPDX-License-Identifier: Apache-2.0
#include "call.hpp"

#include <fmt/format.h>

namespace espalier::exchange {

void Call::fail(const std::string& text, Code code) const {
  throw Error(code, text);
}

void Call::require_inputs(std::size_t least, std::size_t most) const {
  bool fits = inputs_.size() >= least && inputs_.size() <= most;
  for (std::size_t i = 0; i < least && fits; ++i) fits = has(i);
  if (!fits) fail(fmt::format("it has {} inputs, expected {} to {}", inputs_.size(), least, most), Code::damaged);
}

const Value& Call::input(std::size_t i) const {
  if (!has(i)) fail(fmt::format("input {} is missing", i), Code::damaged);
  return *inputs_[i];
}

const Flow& Call::flow(std::size_t i) const {
  if (const auto* flow = std::get_if<Flow>(&input(i))) return *flow;
  fail(fmt::format("input {} ('{}') is a constant", i, node_.inputs[i]));
}

const Tensor& Call::floats(std::size_t i) const {
  const auto* tensor = std::get_if<Tensor>(&input(i));
  if (tensor == nullptr) fail(fmt::format("input {} ('{}') is not a constant", i, node_.inputs[i]));
  if (tensor->dtype() == DType::f32) return *tensor;
  fail(fmt::format("input {} ('{}') has elements {}, expected floats", i, node_.inputs[i], to_text(tensor->dtype())),
       Code::damaged);
}

std::vector<std::int64_t> Call::integers(std::size_t i) const {
  const auto* tensor = std::get_if<Tensor>(&input(i));
  if (tensor == nullptr) fail(fmt::format("input {} ('{}') is not a constant", i, node_.inputs[i]));
  if (tensor->dtype() == DType::i64 && tensor->rank() <= 1) {
    const auto values = tensor->as<std::int64_t>();
    return {values.begin(), values.end()};
  }
  fail(fmt::format("input {} ('{}') is {} {}, expected a list of int64", i, node_.inputs[i], to_text(tensor->dtype()),
                   to_text(tensor->shape())),
       Code::damaged);
}

const AttributeProto* Call::find(const char* name) {
  known_.insert(name);
  for (const AttributeProto& a : node_.attributes) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

std::int64_t Call::integer(const char* name, std::int64_t fallback) {
  const AttributeProto* a = find(name);
  if (a == nullptr) return fallback;
  if (!a->integer && a->type != attribute::kInt)
    fail(fmt::format("attribute '{}' is not an integer", name), Code::damaged);
  return a->integer.value_or(0);
}

float Call::real(const char* name, float fallback) {
  const AttributeProto* a = find(name);
  if (a == nullptr) return fallback;
  if (!a->real && a->type != attribute::kFloat) fail(fmt::format("attribute '{}' is not a float", name), Code::damaged);
  return a->real.value_or(0);
}

std::string Call::text(const char* name, std::string fallback) {
  const AttributeProto* a = find(name);
  if (a == nullptr) return fallback;
  if (!a->text && a->type != attribute::kString) fail(fmt::format("attribute '{}' is not a text", name), Code::damaged);
  return a->text.value_or("");
}

std::vector<std::int64_t> Call::integers(const char* name, std::vector<std::int64_t> fallback) {
  const AttributeProto* a = find(name);
  return a == nullptr ? std::move(fallback) : a->integers;
}

void Call::require_all_known() const {
  for (const AttributeProto& a : node_.attributes) {
    if (!known_.contains(a.name)) fail(fmt::format("its attribute '{}' is not understood", a.name));
  }
}

}  // namespace espalier::exchange
