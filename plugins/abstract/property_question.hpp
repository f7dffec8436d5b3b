// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "domains.hpp"
#include "graph.hpp"

namespace espalier::abstract {

struct PropertyAnswer {
  Verdict verdict = Verdict::unknown;
  /// Certified: in every case, for every input of its box, some constraint is exceeded by more than this; -infinity
  /// when nothing is known, infinity when no box holds an input. Above 0 with `robust`.
  double bound = 0;
  std::string message;
  std::optional<std::vector<double>> witness;  ///< with `counterexample`: replayed, a violation over the reals
  std::int64_t boxes_bounded = 0;
};

/// Decides a property by DeepPoly. `robust` holds for the doubles of the property and for any decimals they are nearest
/// to; `timeout` only when told to end before there was an answer. Needs: network, graph and property fit.
PropertyAnswer answer(const Network& network, const Graph& graph, const Property& property,
                      const MayContinue& may_continue);

}  // namespace espalier::abstract
