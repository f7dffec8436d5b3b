// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "abstract/relaxation.hpp"
#include "program.hpp"

namespace espalier::linear {

/// An unstable ReLU: its input is the positive column minus the negative one, its output is the positive one. Exactly
/// one of them is 0 at every input of the network, which a program cannot say: it lies in the triangle between them.
struct Neuron {
  std::int32_t positive = 0;
  std::int32_t negative = 0;
  std::int32_t chord = 0;  ///< the row that closes the triangle
  double unit = 1;         ///< what 1 of these columns is in the network
  int value = 0;           ///< the input's, in the relaxation
  std::size_t element = 0;
};

/// A network in a box, relaxed to a program: every input of the box is a point of it. With one column of each neuron at
/// 0, as they are anywhere, it is exact. Columns have units of their own (units.hpp), in which they are at most 1, but
/// for inputs of ordinary size; rows have factors of at most 1.
struct Encoding {
  /// A number of the network's input: offset + unit * column.
  struct Input {
    std::int32_t column = 0;
    double offset = 0;
    double unit = 1;
  };
  /// Where an element that was asked for is.
  struct Place {
    std::int32_t column = 0;
    double unit = 1;
  };
  Program program;
  std::vector<Neuron> neurons;  ///< in the order of the network
  std::vector<Input> inputs;
  std::vector<Place> elements;  ///< in the order in which they were asked for

  /// factor * the i-th element that was asked for.
  Term term(std::size_t i, double factor) const { return {elements[i].column, factor * elements[i].unit}; }
  /// The network's input, rounded, of which these are the columns' values.
  std::vector<double> input_at(std::span<const double> point) const;
};

/// The relaxation up to its last value, of which only `elements` are encoded. Needs: is_encodable.
Encoding encode(const abstract::Relaxation& relaxation, std::span<const std::size_t> elements);

/// Whether every bound is finite and within what units can make up for. Solvers meet larger numbers with failed
/// assertions.
bool is_encodable(const abstract::Relaxation& relaxation);

}  // namespace espalier::linear
