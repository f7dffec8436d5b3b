// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace espalier::crown {

/// factors . outputs > threshold.
struct Goal {
  std::vector<float> factors;  ///< one an output
  double threshold = 0;
};

/// One way to violate a property: an input where none of the goals holds. To refute it, show that everywhere in the box
/// some goal does.
using Case = std::vector<Goal>;

/// Looks at a point that may show a case, [inputs of the program]; true ends the search. Called by several threads.
using TryPoint = std::function<bool(std::size_t case_index, std::span<const float> point)>;

/// False when the time is up; throws Error(stopped) when the run is being stopped. Asked by several threads.
using MayContinue = std::function<bool()>;

}  // namespace espalier::crown
