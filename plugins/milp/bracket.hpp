// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "linear_program/stage.hpp"

namespace espalier::milp {

/// The smallest distortion lies between: within `low` the network gives the label, at `high` the witness does not.
struct Bracket {
  double low = 0;
  double high = HUGE_VAL;  ///< infinite without a witness
  bool narrow = false;     ///< as narrow as the tolerance, or nothing is left that matters
  std::optional<std::vector<float>> witness;
};

struct Quest {
  std::int64_t label = 0;
  std::optional<std::int64_t> target;
  std::span<const float> centre;
  abstract::Interval clip;
  double largest = 0;    ///< distortions above do not matter
  double tolerance = 0;  ///< a bracket this narrow will do
  // Where to begin:
  double proven = 0;                           ///< a radius within which it is certain that there is none
  std::vector<std::span<const float>> points;  ///< that may be distorted images
};

/// Narrows the bracket until it is within the tolerance, nothing is left to ask or the time is up. Points of the quest
/// count only as far as a replay bears them out, for which there has to be time.
/// Throws Error(request) when one lies within the radius that is said to be proven.
Bracket smallest_distortion(const linear::CompleteVerifier& verifier, const Quest& quest, const abstract::Used& used);

}  // namespace espalier::milp
