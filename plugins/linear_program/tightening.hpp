// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "abstract/domains.hpp"
#include "simplex.hpp"

namespace espalier::linear {

/// How the inputs of ReLUs are bounded before the search, each by everything up to here, as long as it is unstable
/// (Tjeng, Xiao & Tedrake 2019, section 4.2).
enum class Tightening : std::uint8_t {
  deeppoly,  ///< intervals, then DeepPoly
  lp,        ///< and a linear program for either bound
  mip,       ///< and a small search for either bound: a mixed-integer program, cut short
};

/// Where to stop: `all` ends the whole, `descent` only what gradients look for before the search, `tightening` leaves
/// the rest of the bounds to DeepPoly, and `solver` the rest of the search to ours.
struct Patience {
  MayContinue all;
  MayContinue descent;
  MayContinue tightening;
  MayContinue solver = {};
};

/// Nothing when `patience.all` ended it.
std::optional<abstract::Relaxation> tightened(const abstract::Graph& graph, const abstract::Box& box,
                                              Tightening tightening, const Patience& patience);

}  // namespace espalier::linear
