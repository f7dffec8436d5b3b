// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tree.hpp"

namespace espalier::linear {

/// A solver of mixed-integer programs, none of whose bounds is certified: what counts are the solutions that it shows,
/// if a replay bears them out. That there is none it can only claim, so nobody asks.
class MipSolver {
 public:
  virtual ~MipSolver() = default;
  /// Looks for an objective below 0 over the encoding with one column of every neuron at 0. `visit` sees the input of
  /// every solution; true ends the search.
  virtual void solve(const Encoding& encoding, const Terms& objective, const Visit& visit,
                     const MayContinue& may_continue) const = 0;
};

}  // namespace espalier::linear
