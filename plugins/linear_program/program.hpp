// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "abstract/rounding.hpp"

namespace espalier::linear {

using abstract::Interval;
using abstract::Intervals;

/// factor * value of a column.
struct Term {
  std::int32_t column = 0;
  double factor = 0;
};
using Terms = std::vector<Term>;

inline double largest_factor(std::span<const Term> terms) {
  double largest = 0;
  for (const Term& t : terms) largest = std::max(largest, std::abs(t.factor));
  return largest;
}

/// Columns in bounds, and rows: sums of terms in ranges. A range may be infinite on one side, a column's bounds may not
/// be. What a program says about a network holds over the reals: rows are exact, or wide enough for what is not.
class Program {
 public:
  std::int32_t add_column(Interval bounds) {
    columns_.push_back(bounds);
    return static_cast<std::int32_t>(columns_.size()) - 1;
  }
  /// No column twice.
  std::int32_t add_row(std::span<const Term> terms, Interval range) {
    terms_.insert(terms_.end(), terms.begin(), terms.end());
    start_.push_back(terms_.size());
    ranges_.push_back(range);
    return static_cast<std::int32_t>(ranges_.size()) - 1;
  }

  const Intervals& columns() const { return columns_; }
  const Intervals& ranges() const { return ranges_; }
  std::size_t row_count() const { return ranges_.size(); }
  std::span<const Term> row(std::size_t i) const {
    return std::span(terms_).subspan(start_[i], start_[i + 1] - start_[i]);
  }

 private:
  Intervals columns_;
  Intervals ranges_;
  Terms terms_;  // row by row
  std::vector<std::size_t> start_{0};
};

}  // namespace espalier::linear
