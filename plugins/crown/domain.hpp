// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace espalier::crown {

/// The phase of a neuron: sign +1 says that its input is at least 0, -1 at most 0.
struct Literal {
  std::int32_t neuron;
  std::int32_t sign;
};

/// A part of the box in which some neurons have a known phase, and what its bound was found with.
struct Domain {
  static constexpr int kMostCandidates = 8;

  std::size_t goal = 0;
  double bound = -HUGE_VAL;  ///< certified, minus the goal's threshold
  float loss = HUGE_VALF;    ///< what the error terms of float took from it
  std::vector<Literal> literals;
  std::vector<float> multipliers;                          ///< of the literals
  std::vector<std::uint16_t> slopes;                       ///< of all neurons, see packed()
  std::array<std::int32_t, kMostCandidates> candidates{};  ///< neurons to split next, the most promising first
  int candidate_count = 0;
  int narrow = 0;  ///< how many bounds in a row, of it and of those it was split from, failed by less than their loss

  /// Slopes are kept in units of 1 / 65535: every slope in [0, 1] is sound, and memory is what domains cost.
  /// Any slope is sound, so one that is not a number becomes 0.
  static std::uint16_t packed(float slope) {
    return slope > 0 ? static_cast<std::uint16_t>(std::lround(slope * 65535.0F)) : std::uint16_t{0};
  }
  static float unpacked(std::uint16_t slope) { return static_cast<float>(slope) / 65535.0F; }
};
using Domains = std::vector<Domain>;

/// What a domain has on the heap.
inline std::size_t bytes_of(const Domain& domain) {
  constexpr std::size_t kAllocation = 16;  // what an allocation costs besides
  return 3 * kAllocation + domain.literals.capacity() * sizeof(Literal) +
         domain.multipliers.capacity() * sizeof(float) + domain.slopes.capacity() * sizeof(std::uint16_t);
}

}  // namespace espalier::crown
