// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>

namespace espalier::milp {

/// The ends of a bracket while radii are asked about: which one is next. Radii asked about in vain are a gap, whose
/// inside is taken for as hard; below it proofs are easier, above it counterexamples are.
class Ends {
 public:
  /// Radii above `largest` do not matter; ends are near enough when they are no further apart than `tolerance`.
  Ends(double largest, double tolerance) : largest_(largest), tolerance_(tolerance) {}

  double low() const { return low_; }
  double high() const { return high_; }

  /// Nothing within the radius.
  void proven(double radius) { move(std::max(low_, std::min(radius, largest_)), high_); }
  /// Something at that distance.
  void found(double distance) { move(low_, std::min(high_, distance)); }
  void unanswered(double radius) {
    gap_low_ = std::min(gap_low_, radius);
    gap_high_ = std::max(gap_high_, radius);
  }

  /// Near enough, or all that matters is proven.
  bool narrow() const { return high_ - low_ <= tolerance_ || low_ >= std::min(high_, largest_); }

  /// The middle of what is open, or of the wider side of the gap in it; nothing when that is narrow enough.
  std::optional<double> next() const {
    const double high = std::min(high_, largest_);
    if (narrow()) return std::nullopt;
    if (gap_low_ > gap_high_) return std::isfinite(high_) ? middle(low_, high) : std::optional(largest_);
    const double below = gap_low_ - low_;
    const double above = high - gap_high_;
    if (!(std::max(below, above) > tolerance_)) return std::nullopt;
    return below >= above ? middle(low_, gap_low_) : middle(gap_high_, high);
  }

 private:
  /// Nothing when there is no number between.
  static std::optional<double> middle(double low, double high) {
    const double half = low + (high - low) / 2;
    return half > low && half < high ? std::optional(half) : std::nullopt;
  }

  void move(double low, double high) {
    low_ = low;
    high_ = high;
    if (low_ >= gap_high_ || high_ <= gap_low_) {
      gap_low_ = HUGE_VAL;
      gap_high_ = -HUGE_VAL;
    } else {
      gap_low_ = std::max(gap_low_, low_);
      gap_high_ = std::min(gap_high_, high_);
    }
  }

  double largest_;
  double tolerance_;
  double low_ = 0;
  double high_ = HUGE_VAL;
  double gap_low_ = HUGE_VAL;  ///< above gap_high_ when there is none
  double gap_high_ = -HUGE_VAL;
};

}  // namespace espalier::milp
