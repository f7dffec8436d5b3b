// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "cube_program.hpp"
#include "goal.hpp"
#include "part_lines.hpp"

namespace espalier::crown {

/// A part of the box where the network is linear, as a linear program over the unit cube: the first goal, minus its
/// threshold, is to be as small as it can be where all neurons have their phases and the other goals fail.
template <class Number>
struct LeafProgram {
  Functional<Number> objective;
  std::vector<Functional<Number>> constraints;  ///< of the domain's literals, then of the other goals
  std::vector<std::size_t> varying;             ///< the input of every variable
  std::vector<Number> low;                      ///< of every input
  std::vector<Number> width;

  /// The network's input at a point of the cube.
  std::vector<double> input(const std::vector<Number>& point) const;
};

/// The ends of the range of every input.
template <class Number>
using Ranges = std::vector<std::pair<Number, Number>>;

/// A part of the box where every neuron has a known phase, and a case that may show there. Borrows everything.
struct LeafQuestion {
  const Root& root;
  const Domain& domain;
  std::vector<const Goal*> goals;  ///< of the case, the domain's first
  PartLines part;                  ///< exact
  const ExactNumbers* numbers;     ///< null: there are doubles only
  const MayContinue& may_continue;
};

/// Numbers that a program in rationals may have: some seconds of work.
inline constexpr std::size_t kMostRationals = std::size_t{1} << 15;

/// Over `box`, which the root's contains; low <= high. Nothing when it would hold more than `largest` numbers, when
/// a goal is not finite, or when it is told to end. Needs, for rationals: usable numbers.
template <class Number>
std::optional<LeafProgram<Number>> leaf_program(const LeafQuestion& question, const Ranges<Number>& box,
                                                std::size_t largest);

}  // namespace espalier::crown
