// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "goal.hpp"
#include "root.hpp"

namespace espalier::crown {

struct SearchOptions {
  int threads = 1;
  int candidates = 3;  ///< splits tried before one is chosen
  float gap_weight = 1.0F;
  Effort effort{.iterations = 4, .alpha_rate = 0.1F, .beta_rate = 0.1F};
  std::size_t most_open = 400'000;  ///< open domains before the search turns to those nearest to their proof
};

struct SearchResult {
  enum class End : std::uint8_t { proven, violated, out_of_time, stuck };
  End end = End::proven;
  double bound = 0;  ///< certified for all goals minus their thresholds
  std::int64_t domains = 0;
  std::vector<std::vector<std::pair<int, int>>> stuck;  ///< literals of domains with every neuron fixed
};

/// Branch and bound over the phases of unstable neurons (Bunel et al. 2020) with bounds of Bounder. Every goal has a
/// tree of its own; a domain is closed when its certified bound exceeds the threshold.
SearchResult search(const Root& root, std::span<const Goal> goals, const SearchOptions& options,
                    const TryPoint& try_point, const MayContinue& may_continue);

}  // namespace espalier::crown
