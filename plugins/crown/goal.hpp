// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include <abstract/rounding.hpp>

namespace espalier::crown {

class ExactNumbers;

/// factors . outputs > threshold.
struct Goal {
  std::vector<double> factors;  ///< one an output
  double threshold = 0;
  double rounding = 0;               ///< what the factors can lose when they become floats, which raises the threshold
  std::optional<double> limit = {};  ///< a violation is factors . outputs <= limit; absent: the threshold

  double float_threshold() const { return rounding == 0 ? threshold : abstract::sum_up(threshold, rounding); }
};

/// One way to violate a property: an input where none of the goals holds. To refute it, show that everywhere in the box
/// some goal does.
using Case = std::vector<Goal>;

/// Looks at a point that may show a case, [inputs of the program]; true ends the search. Called by several threads.
using TryPoint = std::function<bool(std::size_t case_index, std::span<const float> point)>;

/// All inputs between low and high, element by element.
struct InputBox {
  std::vector<double> low;
  std::vector<double> high;
};

/// All decimals that numbers between its ends are nearest to.
inline abstract::Intervals hull_of(const InputBox& box) {
  abstract::Intervals hull;
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    hull.push_back(
        {abstract::sum_down(box.low[i], -abstract::kFloor), abstract::sum_up(box.high[i], abstract::kFloor)});
  }
  return hull;
}

/// Looks at an input that may show a case, in doubles; true ends the search. Called by several threads.
using TryInput = std::function<bool(std::size_t case_index, std::span<const double> input)>;

/// The numbers within `radius` of `centre` that are in [low, high]: a range over the reals, as exact as doubles say it.
struct RealRange {
  double centre = 0;
  double radius = 0;
  double low = 0;
  double high = 0;
};

/// Where and how to look for inputs in doubles.
struct InputTrial {
  InputBox box;
  TryInput look;
  /// The box that the question is about, when the one that bounds are for is larger. Empty when they are for all
  /// decimals that the numbers of `box` and of the goals are nearest to.
  std::vector<RealRange> reals = {};
  const ExactNumbers* numbers = nullptr;  ///< of the network; null: what double leaves open stays open
};

/// False when the time is up; throws Error(stopped) when the run is being stopped. Asked by several threads.
using MayContinue = std::function<bool()>;

}  // namespace espalier::crown
