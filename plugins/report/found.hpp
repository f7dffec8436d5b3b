// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tables.hpp"

namespace espalier::report {

/// A point that an attack found or that a verifier gives as evidence.
struct Found {
  const Gathered* gathered = nullptr;  ///< Attacks or Verdicts
  std::size_t point = 0;               ///< which of its points
  std::int64_t image = 0;              ///< index in the test split
  std::string maker;                   ///< the attack's method, the verifier's name
  std::int64_t from = 0;               ///< the class before
  std::int64_t to = -1;  ///< the class there, or that which was asked about; -1 when the maker does not say
};

/// All of them, attacks first. Throws Error(request) when a point belongs to no row.
std::vector<Found> found_points(const Findings& findings);

/// The values of a point. Throws Error(request) when there are not as many as an image has.
std::vector<float> values_of(const Found& found, std::size_t elements);

}  // namespace espalier::report
