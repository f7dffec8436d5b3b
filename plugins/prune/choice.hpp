// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace espalier::prune {

/// How many neurons go. Guidotti et al. 2020, algorithm 1, line 5.
enum class Rule : std::uint8_t {
  threshold,  ///< those with |gamma| up to the value at index int(total * rate) of the sorted list, ties included
  count,      ///< as many, int(total * rate) + 1, but exactly: of equals the first by layer and index
};

struct ChoiceRequest {
  std::vector<std::vector<double>> importance;  ///< |gamma| by layer and neuron
  double rate = 0;                              ///< in [0, 1); at 0 nothing goes
  Rule rule = Rule::threshold;
  std::vector<std::int64_t> floors;  ///< neurons that must stay, by layer
};

struct Choice {
  std::vector<std::vector<std::int64_t>> keep;  ///< by layer, ascending
  double threshold = 0;                         ///< value at index int(total * rate) of the sorted list
  std::int64_t wanted = 0;                      ///< how many neurons the rule would prune
  std::int64_t pruned = 0;                      ///< how many go: fewer only when every layer is down to its floor
  std::int64_t rescued = 0;                     ///< neurons the rule would prune that stay for their layer's floor
};

/// Which neurons stay. Those of the lowest importance go, layer by layer never below its floor; for a neuron that is
/// rescued the next one in order goes, so that the total is the rule's.
Choice choose(const ChoiceRequest& request);

}  // namespace espalier::prune
