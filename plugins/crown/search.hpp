// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "brancher.hpp"
#include "root.hpp"
#include "second_look.hpp"

namespace espalier::crown {

class DeviceMaker;

inline constexpr std::size_t kDefaultMemory = std::size_t{2} << 30;

/// A domain whose bound fails by less than its error terms so often in a row is bounded again in double.
inline constexpr int kOftenNarrow = 3;

struct SearchOptions {
  int threads = 1;
  BranchOptions branching;
  Effort first{.iterations = 40, .alpha_rate = 0.3F, .beta_rate = 0.1F, .decay = 0.97F};  ///< for the whole box
  Effort effort{.iterations = 4, .alpha_rate = 0.1F, .beta_rate = 0.1F};                  ///< for every domain
  Effort leaf{.iterations = 60,
              .alpha_rate = 0.2F,
              .beta_rate = 0.3F,
              .decay = 0.97F,
              .mean_point = true};      ///< with every neuron fixed
  std::size_t memory = kDefaultMemory;  ///< bytes of waiting domains before it turns to those nearest to their proof
  std::int64_t most_domains = 0;        ///< give up after that many; 0: never
  const InputTrial* trial = nullptr;    ///< borrowed; null: points go to the search's TryPoint, as floats
  const DeviceMaker* device = nullptr;  ///< where open domains are kept and bounded; null: here, on `threads`
  bool for_proof = false;               ///< keep what closes domains
};

struct SearchResult {
  enum class End : std::uint8_t { proven, violated, out_of_time, given_up, stuck };
  End end = End::proven;
  double bound = 0;                ///< certified, of the goals minus their thresholds; of what was closed when proven
  double closed_bound = HUGE_VAL;  ///< certified, of what was closed alone
  std::int64_t domains = 0;
  std::vector<std::size_t> case_of;                ///< of every goal that domains name
  bool device_full = false;                        ///< given up because the device has no memory for the search
  Domains open;                                    ///< what was left when given up; literals name neurons of the root
  Domains stuck;                                   ///< domains with every neuron fixed that nothing decided
  SecondLook::End why = SecondLook::End::refuted;  ///< of those, what outweighs the rest
  // Of a search for a proof.
  Leaves closed;
  std::vector<int> sloped;  ///< the neurons that leaves have slopes for
};

/// Branch and bound over the phases of unstable neurons (Bunel et al. 2020). Every case is refuted through one goal,
/// chosen by its bound on the whole box, in a tree of its own; a domain is closed when its certified bound exceeds the
/// goal's threshold, and decided where every neuron is fixed (see SecondLook).
SearchResult search(const Root& root, std::span<const Case> cases, const SearchOptions& options,
                    const TryPoint& try_point, const MayContinue& may_continue);

}  // namespace espalier::crown
