// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/document.hpp"

namespace espalier::pipeline {

inline constexpr std::size_t kMostAxes = 64;

/// A set of axes: bit i stands for the i-th axis of the document.
using AxisMask = std::uint64_t;
constexpr AxisMask mask_of(int axis) {
  return AxisMask{1} << axis;
}

/// An axis value as node names and references write it: canonical text, without quotes.
std::string label_of(const Value& value);
std::optional<int> find_axis(const std::vector<Axis>& axes, std::string_view name);
/// The value's index. A number may be spelled in any way that reads as the same number.
std::optional<int> find_value(const Axis& axis, std::string_view text);
std::vector<std::string> axis_names(const std::vector<Axis>& axes);
std::vector<std::string> value_labels(const Axis& axis);

/// An index into the values of every axis of the document; only those of a node's own axes mean something.
using Coordinates = std::vector<int>;

/// All combinations of the values of some axes, numbered so that the first axis varies slowest.
class ESPALIER_API Space {
 public:
  Space() = default;
  Space(const std::vector<Axis>& axes, AxisMask mask);

  /// At most kHuge, however many combinations there are.
  std::int64_t size() const { return size_; }
  /// Writes the index-th combination into the coordinates of this space's axes.
  void place(std::int64_t index, Coordinates& out) const;
  std::int64_t index_of(const Coordinates& at) const;

  static constexpr std::int64_t kHuge = std::int64_t{1} << 40;

 private:
  struct Dimension {
    int axis = 0;
    std::int64_t size = 0;
  };
  std::vector<Dimension> dimensions_;
  std::int64_t size_ = 1;
};

/// What is written for a key: one leaf, or one variation for each value of an axis (`{ by = "net", net1 = ..., ... }`).
struct Variation {
  enum class Form : std::uint8_t { missing, leaf, by_axis };
  Form form = Form::missing;
  int axis = 0;                     ///< of by_axis; of missing: the axis that lacks a value
  int index = 0;                    ///< of leaf: which leaf; of missing: the value that is lacking
  const Node* written = nullptr;    ///< the table a missing value should stand in
  std::vector<Variation> branches;  ///< of by_axis: one a value

  /// The leaf, or missing, at these coordinates.
  const Variation& pick(const Coordinates& at) const;
};

/// A variation with its leaves and the axes it uses.
struct Varied {
  Variation root;
  std::vector<const Node*> leaves;
  AxisMask axes = 0;
  bool sound = true;  ///< false when there were findings

  const Node* constant() const { return root.form == Variation::Form::leaf ? leaves[0] : nullptr; }
};

/// Reads `by` tables. Nodes made for `{ by = "axis" }`, the axis's own values, live as long as the reader.
class VariationReader {
 public:
  VariationReader(const Document& document, Diagnostics& findings) : document_(document), findings_(findings) {}
  Varied read(const Node& node);
  /// The node as it is, whatever it is.
  Varied constant(const Node& node) const;

 private:
  Variation read_any(const Node& node, Varied& out);
  Variation read_table(const Node& node, Varied& out);
  Variation read_level(const Node& node, const std::vector<int>& levels, std::size_t level, Varied& out);
  Variation own_values(const Node& node, int axis, Varied& out);
  std::optional<std::vector<int>> read_by(const Node& by);
  Variation leaf(const Node& node, Varied& out) const;

  const Document& document_;
  Diagnostics& findings_;
  std::deque<Node> made_;
};

}  // namespace espalier::pipeline
