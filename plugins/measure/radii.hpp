// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <espalier/results.hpp>

namespace espalier::measure {

/// What a search for radii says of each image: robust within `proven` (0: nothing), and not within `broken`.
struct Radii {
  struct Row {
    std::int64_t image = 0;
    std::int64_t label = 0;
    std::optional<std::int64_t> target;
    double proven = 0;
    double broken = HUGE_VAL;
  };
  std::string who;
  std::vector<Row> rows;
};

/// The series of crown.radius or of milp.distortion. Throws Error(request) when they are of neither.
Radii radii_in(const Metrics& metrics);

}  // namespace espalier::measure
