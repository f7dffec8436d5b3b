// SPDX-License-Identifier: Apache-2.0
#include "box.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <espalier/results.hpp>

namespace espalier::abstract {

Box::Box(std::span<const float> centre, double epsilon, Interval clip)
    : centre_(centre), epsilon_(epsilon), clip_(clip) {
  hull_.reserve(centre.size());
  for (const float c : centre) {
    const double low = sum_down(c, -epsilon);
    const double high = sum_up(c, epsilon);
    const Interval range{std::max(low, clip.low), std::min(high, clip.high)};
    // std::max and std::min drop a NaN in their second argument, so all four are asked.
    const bool holds = low <= high && clip.low <= clip.high && range.low <= range.high;
    empty_ = empty_ || !holds || !std::isfinite(range.low) || !std::isfinite(range.high);
    hull_.push_back(range);
  }
}

Box::Box(Intervals hull) : hull_(std::move(hull)) {
  empty_ = !std::ranges::all_of(hull_, [](Interval range) {
    return range.low <= range.high && std::isfinite(range.low) && std::isfinite(range.high);
  });
}

bool Box::contains(std::size_t coordinate, double x) const {
  return clip_.low <= x && x <= clip_.high && is_within(x, centre_[coordinate], epsilon_);
}

std::optional<float> Box::round_into(std::size_t coordinate, double x) const {
  const float c = centre_[coordinate];
  float candidate = static_cast<float>(x);
  for (int step = 0; step < 2; ++step) {
    if (contains(coordinate, candidate)) return candidate;
    candidate = std::nextafter(candidate, c);
  }
  return contains(coordinate, c) ? std::optional(c) : std::nullopt;
}

std::optional<std::vector<float>> Box::round_into(std::span<const double> point) const {
  std::vector<float> inside;
  inside.reserve(point.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const auto x = round_into(i, point[i]);
    if (!x) return std::nullopt;
    inside.push_back(*x);
  }
  return inside;
}

}  // namespace espalier::abstract
