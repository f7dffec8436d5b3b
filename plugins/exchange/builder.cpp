// SPDX-License-Identifier: Apache-2.0
#include "builder.hpp"

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::exchange {
namespace {

constexpr std::int64_t kMostElements = std::int64_t{1} << 31;   // of one value, as in a network
constexpr std::int64_t kMostConstants = std::int64_t{1} << 24;  // 64 MiB that is in no file

}  // namespace

void require_sensible(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t d : shape) {
    if (d < 1 || d > kMostElements / count) {
      throw Error(Code::damaged, fmt::format("{} is not the shape of a value", to_text(shape)));
    }
    count *= d;
  }
}

Shape sample_shape(const Shape& shape) {
  if (shape.empty()) return {1};
  if (shape.size() > 1 && shape[0] == 1) return {shape.begin() + 1, shape.end()};
  return shape;
}

Builder::Builder(Shape input) : input_(std::move(input)), shapes_{input_} {}

int Builder::add(std::string name, Op op, std::vector<int> inputs, Shape shape) {
  layers_.push_back({std::move(name), std::move(op), std::move(inputs)});
  shapes_.push_back(std::move(shape));
  return static_cast<int>(layers_.size());
}

int Builder::as(int value, const Shape& shape, const std::string& name) {
  if (this->shape(value) == shape) return value;
  if (shape.size() == 1) return add(name, Flatten{}, {value}, {shape[0]});
  return add(name, Reshape{shape}, {value}, shape);
}

int Builder::settled(const Flow& flow, const std::string& name) {
  if (flow.margins.empty()) return flow.value;
  const Shape padded = sample_shape(flow.shape);
  const Margins& m = flow.margins;
  const Shape bare{padded[0], padded[1] - m.before[0] - m.after[0], padded[2] - m.before[1] - m.after[1]};
  return add(flow.pad.empty() ? name + ".pad" : flow.pad, Pad{m.before, m.after},
             {as(flow.value, bare, name + ".image")}, padded);
}

Op* Builder::op(const Flow& flow) {
  if (flow.value == 0 || flow.shared || !flow.margins.empty()) return nullptr;
  return &layers_[static_cast<std::size_t>(flow.value) - 1].op;
}

void Builder::set_lacks_bias(int value, bool lacks) {
  if (lacks) {
    unbiased_.insert(value);
  } else {
    unbiased_.erase(value);
  }
}

void Builder::count_made(std::int64_t elements) {
  made_ += elements;
  if (made_ <= kMostConstants) return;
  throw Error(Code::unsupported,
              fmt::format("its constants, brought to the shapes of values, have more than {} elements", kMostConstants),
              "check the shapes of the model's input");
}

Network Builder::finish(const Flow& output) {
  int last = as(settled(output, "output"), sample_shape(output.shape), "output");
  // The last layer's value is the output: a network that ends in an earlier value, or has no layers, gets one more.
  if (last != static_cast<int>(layers_.size()) || layers_.empty()) {
    last = add("output", Reshape{shape(last)}, {last}, shape(last));
  }
  return Network(std::move(input_), std::move(layers_));
}

}  // namespace espalier::exchange
