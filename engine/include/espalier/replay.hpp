// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

namespace espalier::inline v1 {

/// Whether a statement about real numbers is true.
enum class Holds : std::uint8_t { no, yes, undecided };

/// What a point says about a question.
struct Replay {
  /// The point lies in its box and the network's outputs there are the violation that was asked for, decided without
  /// rounding. `undecided` only when the network has operations whose results have no finite binary form (a batch norm,
  /// a mean of three) and the outputs are within some 2^-450 of their size of a tie.
  Holds over_reals = Holds::undecided;
  /// Plain inference in single precision, sums in order of index, shows the violation too, the box left aside. A point
  /// that is not one of floats is rounded to the nearest.
  bool in_float32 = false;
  std::string reason;  ///< why over_reals is not `yes`, naming the place and both values; empty when it is
};

/// Needs: point, network and property fit each other in size. Throws Error(request) when they do not. [any thread]
ESPALIER_API Replay replay(const Network& network, std::span<const double> point, const Property& property);
/// About one row of the instances, with `epsilon` in place of its own. The box is the one over the reals: the centre's
/// floats, the radius as the double it is.
ESPALIER_API Replay replay(const Network& network, std::span<const float> point, const Instances& instances,
                           std::size_t row, double epsilon);
/// The same of a point that need not be one of floats.
ESPALIER_API Replay replay(const Network& network, std::span<const double> point, const Instances& instances,
                           std::size_t row, double epsilon);

}  // namespace espalier::inline v1
