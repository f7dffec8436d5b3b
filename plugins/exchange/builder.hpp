// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::exchange {

/// Rows and columns of zeros around images.
struct Margins {
  std::array<std::int64_t, 2> before{0, 0};
  std::array<std::int64_t, 2> after{0, 0};

  bool empty() const { return *this == Margins{}; }
  friend bool operator==(const Margins&, const Margins&) = default;
};

/// A tensor of the file that depends on the network's input: which value of the network it is, and its shape in the
/// file, whose batch axis is 1. Both have the same elements in the same order, so that only operations that need axes
/// look at shapes.
struct Flow {
  Flow(int number, Shape in_file) : value(number), shape(std::move(in_file)) {}

  int value;
  Shape shape;
  Margins margins;      ///< zeros around the value that no layer adds yet: a convolution may have them as its padding
  std::string pad;      ///< the name of the node that asked for them
  bool shared = false;  ///< something else uses the value, too
};

/// A network as it grows.
class Builder {
 public:
  explicit Builder(Shape input);

  /// The number of the value it makes; `shape` is the value's in the network.
  int add(std::string name, Op op, std::vector<int> inputs, Shape shape);
  /// The value under another shape with as many elements: a layer, unless it has that shape.
  int as(int value, const Shape& shape, const std::string& name);
  /// The value with the margins that no layer added yet.
  int settled(const Flow& flow, const std::string& name);

  const Shape& shape(int value) const { return shapes_[static_cast<std::size_t>(value)]; }
  /// The operation that makes a value, to be changed while nothing else uses it; null for the input.
  Op* op(const Flow& flow);
  /// Whether the value's bias is one that nobody gave, so that a constant added to it may take its place.
  bool lacks_bias(int value) const { return unbiased_.contains(value); }
  void set_lacks_bias(int value, bool lacks);

  /// Throws Error when constants grow beyond any relation to the file: few bytes can promise much memory.
  void count_made(std::int64_t elements);

  Network finish(const Flow& output);

 private:
  Shape input_;
  std::vector<Layer> layers_;
  std::vector<Shape> shapes_;
  std::set<int> unbiased_;
  std::int64_t made_ = 0;
};

/// A shape of the file as the network has it: without the batch.
Shape sample_shape(const Shape& shape);
/// Throws Error unless every axis is positive and the elements can be counted.
void require_sensible(const Shape& shape);

}  // namespace espalier::exchange
