// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "encoding.hpp"
#include "simplex.hpp"

namespace espalier::linear {

/// Which of the neurons that a relaxed solution gets wrong is split.
enum class Branching : std::uint8_t {
  violation,  ///< the one that is furthest from its ReLU (Katz et al. 2019)
  influence,  ///< the one whose triangle costs the bound most
};

enum class Ended : std::uint8_t {
  proven,   ///< the objective is above the goal everywhere
  found,    ///< a visitor said so
  open,     ///< nothing is left to split, or the limit of nodes is reached
  stopped,  ///< told to end
};

struct Outcome {
  Ended ended = Ended::open;
  double low = 0;  ///< certified lower bound of the objective
  std::int64_t nodes = 0;
};

/// Sees the input part of every relaxed solution; true ends the search.
using Visit = std::function<bool(std::span<const double> input)>;

struct Search {
  Terms objective;
  double above = 0;  ///< the goal
  Branching branching = Branching::influence;
  std::int64_t most_nodes = 0;  ///< 0: no limit
  Visit visit;                  ///< may be empty
};

/// Branch and bound over the phases of an encoding's neurons, depth first. The tree is kept here and not in a solver:
/// the two sides of every split cover it, and a node is closed only by a certified bound. Borrows the encoding.
class Tree {
 public:
  explicit Tree(const Encoding& encoding);

  Outcome run(Search search, const MayContinue& may_continue);

 private:
  struct Split {
    std::size_t neuron = 0;
    bool positive = false;  ///< the side where the neuron's input is
  };
  struct Node {
    std::vector<Split> path;
    double low = 0;
    std::shared_ptr<const Basis> basis;  ///< of the parent
  };

  /// Of an objective whose factors are at most 1.
  Outcome run_in_unit(const Search& search, const MayContinue& may_continue);
  void enter(const Node& node);
  void limit(std::int32_t column, Interval bounds);
  double certified(Solved solved, const Search& search) const;
  std::size_t choose(const Node& node, Solved solved, Branching branching) const;
  void split(const Node& node, std::size_t neuron, double low, Solved solved);

  const Encoding& encoding_;
  Simplex simplex_;
  Intervals columns_;  ///< bounds at the node
  std::vector<Node> open_;
};

}  // namespace espalier::linear
