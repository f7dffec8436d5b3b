// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <abstract/relaxation.hpp>

#include "cube_program.hpp"
#include "domain.hpp"
#include "exact_numbers.hpp"
#include "rational.hpp"
#include "root.hpp"

namespace espalier::crown {

/// What stands for every ReLU of a network on a part of a root's box, by the value before the ReLU; empty for others.
struct PartLines {
  std::vector<std::vector<abstract::ReluLines>> lines;
  /// What is taken from the coefficient on a neuron's input: the sign of its known phase times a multiplier >= 0.
  std::vector<std::vector<double>> pulls;

  PartLines(const Root& root, const Domain& domain);
  /// Whether the network is linear on the part.
  bool exact() const;
  /// Of the domain's literals, in their order, in place of its own.
  void set_multipliers(const Root& root, const Domain& domain, const std::vector<double>& multipliers);

 private:
  void close_dead(const abstract::Graph& graph);
};

/// Coefficients on the elements of values of the graph; empty where all are 0.
template <class Number>
using Coefficients = std::vector<std::vector<Number>>;

/// What bounds a functional from below, over the reals: a functional of the input less `error`, which is 0 for exact
/// numbers.
template <class Number>
struct OnInput {
  Functional<Number> functional;
  double error = 0;
};

/// Sends coefficients back to the input. (The passes of Bounder and abstract::substitute do the same for many rows at
/// once, each with the same lines.)
OnInput<double> to_input(const Root& root, const PartLines& part, Coefficients<double> coefficients);
/// Without any error. Needs: the part is exact, and all numbers are ratios.
OnInput<Rational> to_input(const Root& root, const PartLines& part, Coefficients<Rational> coefficients,
                           const ExactNumbers& numbers);

/// A lower bound over the box of the root.
double certified_low(const Root& root, const OnInput<double>& row);

}  // namespace espalier::crown
