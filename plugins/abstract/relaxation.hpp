// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "box.hpp"
#include "graph.hpp"
#include "rounding.hpp"

namespace espalier::abstract {

/// Whether a ReLU's input in these bounds may have either sign: what has to be relaxed, or split.
inline bool is_unstable(Interval z) {
  return z.low < 0 && z.high > 0;
}
/// The elements of a value that are.
std::vector<std::size_t> unstable_elements(const Intervals& bounds);

/// Lines around y = max(0, z) for z in the neuron's bounds: slope_low z <= y <= slope_high z + offset.
struct ReluLines {
  double slope_low = 0;
  double slope_high = 0;
  double offset = 0;
};

/// The lines of DeepPoly (Singh et al. 2019, section 3): above, the chord; below, whichever of y >= 0 and y >= z leaves
/// the smaller triangle. `offset` is rounded so that the upper line holds for every real slope within one rounding of
/// slope_high: a back substitution multiplies with it and rounds.
ReluLines relu_lines(Interval z);

/// Certified bounds of every value of a network for the inputs of one box, built value by value, and what a back
/// substitution through them needs. Borrows the graph and the box.
class Relaxation {
 public:
  /// Knows the input's bounds. Needs: the box is not empty and as large as the graph's input.
  Relaxation(const Graph& graph, const Box& box);

  const Graph& graph() const { return *graph_; }
  bool complete() const { return last() == graph_->output(); }
  int last() const { return static_cast<int>(bounds_.size()) - 1; }
  /// Adds the interval bounds of the next value. Needs: not complete.
  void extend();
  /// Intersects the bounds of an element of the last value with what else is known about it.
  void tighten(std::size_t element, Interval known);

  const Intervals& bounds(int value) const { return bounds_[static_cast<std::size_t>(value)]; }
  /// What rounding can take from a bound per unit of the coefficient on each element of a value, while the coefficient
  /// moves on to the value's inputs. Not for the input.
  const std::vector<double>& slack(int value) const { return slack_[static_cast<std::size_t>(value)]; }
  /// Of a value that a ReLU computes.
  const std::vector<ReluLines>& lines(int value) const { return lines_[static_cast<std::size_t>(value)]; }
  /// Of a value that an AffineMap computes and that is not the last: its weights without those that cannot matter.
  const Columns& live_weights(int value) const { return live_[static_cast<std::size_t>(value)]; }
  /// What gradual underflow can take from any bound in all.
  double underflow() const;

 private:
  void extend_with(const AffineMap& map, const Intervals& in);
  void extend_with_relu(const Intervals& in);
  void extend_with_sum(const Intervals& a, const Intervals& b);
  void extend_with_same(const Intervals& in);
  void drop_dead_weights();

  const Graph* graph_;
  std::vector<Intervals> bounds_;
  std::vector<std::vector<double>> slack_;
  std::vector<std::vector<ReluLines>> lines_;
  std::vector<Columns> live_;
};

}  // namespace espalier::abstract
