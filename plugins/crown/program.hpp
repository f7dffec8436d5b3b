// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <abstract/graph.hpp>
#include <abstract/relaxation.hpp>

#include "matrix.hpp"

namespace espalier::crown {

/// One vector of numbers in a Program: y = sum of its edges + bias, through ReLU if `relu`.
struct Value {
  struct Edge {
    int source = 0;                  ///< an earlier value
    std::unique_ptr<Matrix> matrix;  ///< absent: the source itself, element by element
  };
  int size = 0;
  bool relu = false;
  int neurons = 0;  ///< of a ReLU value: the number of its first neuron in the arrays over all neurons
  std::vector<Edge> edges;
  std::vector<double> bias;
  std::vector<float> rounded_bias;
  /// What rounding can take from a bound per unit of coefficient on each element before its ReLU, on the way to the
  /// sources (see Program).
  std::vector<float> slack;
  std::vector<std::int32_t> elements;  ///< which elements of the network's value are here
};

/// A neuron of the network, before its ReLU: an element of one of the network's values.
struct NeuronId {
  int value = 0;
  std::int32_t element = 0;
  friend auto operator<=>(const NeuronId&, const NeuronId&) = default;
};

/// The phase that a neuron is known to have in a part of the box: sign +1 says that its input is at least 0, -1 at most
/// 0.
struct Phase {
  NeuronId neuron;
  int sign = 0;
  friend bool operator==(const Phase&, const Phase&) = default;
};
using Phases = std::vector<Phase>;

/// Bounds of one neuron before its ReLU, as floats around the certified doubles.
struct Range {
  float low = 0;
  float high = 0;
  int split = 0;  ///< the sign of the phase that the neuron has by a split, or 0
  bool unstable() const { return abstract::is_unstable({low, high}); }
};

/// The inputs that a Program has: those that some weight of the network touches and that vary in the box by more than
/// floats tell.
std::vector<std::int32_t> used_inputs(const abstract::Graph& graph, const abstract::Intervals& box);

/// A network specialised to a box of inputs: neurons that never open there are gone (an exact reduction), every value
/// carries the error terms of float arithmetic. Built value by value together with the bounds it needs; then constant,
/// and used by many threads.
///
/// The error terms: a coefficient row p on the elements of a value moves to its sources as fl(p W) in float. Whatever
/// the order of the sums and with or without fused operations, element k is off by at most gamma(m) sum_j |p_j| |W_jk|
/// for m terms (Higham, section 3.1), and multiplied by a source element of size at most Y_k; so slack_j = gamma sum_k
/// |W_jk| Y_k, summed once, bounds all of it per unit of |p_j|. What weights lost when they became floats, biases and
/// concretisation lose is in it too. No number here is denormal, so that devices that take such numbers for 0 lose no
/// more than products do (underflow()).
class Program {
 public:
  /// The input of a network over the box of `relaxation`, which knows no more than it, where some neurons have known
  /// phases; these stay in the program even when closed, because their phase is a constraint. Borrows the graph.
  Program(const abstract::Graph& graph, const abstract::Relaxation& relaxation, Phases phases);

  /// Follows the relaxation by one value. A ReLU that is the only use of the value before it becomes part of that,
  /// which loses the neurons that their final bounds close. Needs: the relaxation has just been extended by one.
  void extend(const abstract::Relaxation& relaxation);

  const Value& value(int place) const { return values_[static_cast<std::size_t>(place)]; }
  int values() const { return static_cast<int>(values_.size()); }
  /// Where a value of the network is; of a fused ReLU and the value before it, the same.
  int place(int graph_value) const { return place_[static_cast<std::size_t>(graph_value)]; }
  /// Never the input, never a ReLU and never without an element of the network's output: questions are about it as it
  /// is.
  int output() const { return place_.back(); }

  /// The box around the kept inputs: centre +- radius contains it over the reals.
  const std::vector<float>& centre() const { return centre_; }
  const std::vector<float>& radius() const { return radius_; }

  /// Neurons are numbered through all ReLU values.
  int neurons() const { return static_cast<int>(ranges_.size()); }
  const std::vector<Range>& ranges() const { return ranges_; }
  NeuronId id(int neuron) const { return ids_[static_cast<std::size_t>(neuron)]; }
  /// What gradual underflow can take from any bound in all.
  double underflow() const { return underflow_; }
  /// Makes a sum of errors in float, one an element, no less than the real one.
  double error_scale() const;

 private:
  struct Piece;
  /// A value of its own with all elements; gives its place.
  int add_value(int graph_value, const abstract::Relaxation& relaxation);
  void add_relu(int graph_value, const abstract::Relaxation& relaxation);
  void add_copy(int graph_value, const abstract::Relaxation& relaxation);
  Value make(int graph_value, std::vector<std::int32_t> kept) const;
  struct Sums;
  void add_piece(const Piece& piece, std::int64_t rows, Value& value, Sums& sums) const;
  void add_constants(const Piece& piece, Sums& sums) const;
  int split_of(NeuronId neuron) const;
  void note_neurons(int place, int graph_value, const abstract::Intervals& bounds);
  void note_sizes(int place, const abstract::Intervals& bounds);
  void note_underflow(std::span<const double> sizes);

  const abstract::Graph* graph_;
  Phases phases_;
  std::vector<Value> values_;
  std::vector<int> place_;
  std::vector<std::int64_t> fan_out_;       ///< of the network's values: products that enter one coefficient
  std::vector<std::vector<double>> sizes_;  ///< of the program's values: Y, bounds of the magnitude of each element
  struct Constant {
    std::int32_t element;
    double value;
    double reach;  ///< how far off it may be
  };
  std::vector<Constant> constants_;  ///< inputs that the program does not have
  std::vector<float> centre_;
  std::vector<float> radius_;
  std::vector<Range> ranges_;
  std::vector<NeuronId> ids_;
  double underflow_ = 0;
};

}  // namespace espalier::crown
