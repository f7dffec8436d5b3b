// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <abstract/graph.hpp>

#include "goal.hpp"
#include "search.hpp"

namespace espalier::crown {

struct BoxSearchOptions {
  int threads = 1;
  std::size_t memory = kDefaultMemory;  ///< bytes of waiting boxes before it turns to those nearest to their proof
  std::int64_t most_boxes = 0;          ///< give up after that many; 0: never
};

struct BoxSearchResult {
  SearchResult::End end = SearchResult::End::proven;
  double bound = 0;  ///< certified, of the best goal of the worst case; 0 when a proof rests on parts cut away
  std::int64_t boxes = 0;
  std::vector<InputBox> stuck;  ///< open boxes that cannot be halved: no double lies between their bounds
};

/// Branch and bound by halving the box, for networks of few inputs: bounds of every part by Zonotope, parts that cannot
/// show a case cut away, and halved across the direction that owes the bounds most (see Zonotope::add_scores). Needs:
/// the box is finite, low <= high, and as large as the graph's input.
BoxSearchResult box_search(const abstract::Graph& graph, const InputBox& box, std::span<const Case> cases,
                           const BoxSearchOptions& options, const TryInput& try_input, const MayContinue& may_continue);

/// Whether halving the box is likely to beat splitting neurons: few enough inputs vary.
bool suits_box_search(const InputBox& box);

}  // namespace espalier::crown
