// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <espalier/network.hpp>

#include "affine.hpp"

namespace espalier::abstract {

/// A network prepared for analysis: the values and their numbers are the network's (value 0 is the input, value i + 1
/// comes from layer i), the operations are reduced to four.
class Graph {
 public:
  using Step = std::variant<AffineMap, Relu, Add, Flatten>;
  struct Node {
    Step step;
    std::vector<int> inputs;
  };

  explicit Graph(const Network& network);

  int values() const { return static_cast<int>(sizes_.size()); }
  int output() const { return values() - 1; }
  std::int64_t size(int value) const { return sizes_[static_cast<std::size_t>(value)]; }
  /// What computes a value; not for the input.
  const Node& node(int value) const { return nodes_[static_cast<std::size_t>(value) - 1]; }

  bool feeds_relu(int value) const { return traits_[static_cast<std::size_t>(value)].feeds_relu; }
  bool feeds_only_relu(int value) const { return traits_[static_cast<std::size_t>(value)].feeds_only_relu; }
  /// Interval arithmetic already gives the value's exact range, element by element.
  bool exact_by_intervals(int value) const { return traits_[static_cast<std::size_t>(value)].exact; }
  /// For each element of a value, whether the output depends on it at all: some way of weights that are not zero.
  const std::vector<bool>& live(int value) const { return live_[static_cast<std::size_t>(value)]; }
  /// gamma(n) for the longest sum that any analysis of this network forms.
  double gamma() const { return gamma_; }

 private:
  struct Traits {
    bool feeds_relu = false;
    bool feeds_only_relu = true;  ///< also of a value that nothing uses, until the constructor is done
    bool exact = false;
    bool independent = false;  ///< no two elements depend on one pixel
  };
  void note_uses();
  void note_ranges();
  void note_live();

  std::vector<std::int64_t> sizes_;
  std::vector<Node> nodes_;
  std::vector<Traits> traits_;
  std::vector<std::vector<bool>> live_;
  double gamma_ = 0;
};

/// About how many bytes a Graph of the network and bounds of its values take: a term for every product, some numbers
/// for every element. Counted, not made: a file of some bytes can ask for more than there are.
double expected_bytes(const Network& network);

}  // namespace espalier::abstract
