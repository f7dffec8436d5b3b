// SPDX-License-Identifier: Apache-2.0
// For every point v of the program and all multipliers m,
//
//   c v = m (A v) + (c - m A) v >= sum_i m_i side_i + sum_j min over the bounds of (c - m A)_j v_j,
//
// where side_i is the low end of row i's range for m_i > 0 and the high end for m_i < 0. The right side is computed
// with rounding, and what rounding can have added is taken off.
#include "certificate.hpp"

#include <cmath>

namespace espalier::linear {
namespace {

/// c - m A, and the sums of the absolute products in it.
struct Reduced {
  std::vector<double> cost;
  std::vector<double> size;
};

/// A sum with the size of what was added to it.
struct Total {
  double value = 0;
  double size = 0;
  void add(double x) {
    value += x;
    size += std::abs(x);
  }
};

Total add_rows(const Program& program, std::span<const double> multipliers, Reduced& reduced) {
  Total total;
  for (std::size_t i = 0; i < multipliers.size(); ++i) {
    const double m = multipliers[i];
    const Interval range = program.ranges()[i];
    const double side = m > 0 ? range.low : range.high;
    // A multiplier of the wrong sign for a one-sided row says nothing: 0 in its place is as valid.
    if (m == 0 || !std::isfinite(side)) continue;
    total.add(m * side);
    for (const Term& term : program.row(i)) {
      const double product = m * term.factor;
      reduced.cost[static_cast<std::size_t>(term.column)] -= product;
      reduced.size[static_cast<std::size_t>(term.column)] += std::abs(product);
    }
  }
  return total;
}

}  // namespace

double certified_low(const Program& program, const Intervals& columns, std::span<const Term> objective,
                     std::span<const double> multipliers) {
  Reduced reduced{std::vector<double>(columns.size(), 0), std::vector<double>(columns.size(), 0)};
  for (const Term& term : objective) {
    reduced.cost[static_cast<std::size_t>(term.column)] += term.factor;
    reduced.size[static_cast<std::size_t>(term.column)] += std::abs(term.factor);
  }
  Total total = add_rows(program, multipliers, reduced);
  const double gamma = abstract::gamma(static_cast<std::int64_t>(columns.size() + multipliers.size()) + 16);
  double lost = 0;
  double magnitudes = 1;
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const double magnitude = abstract::magnitude(columns[j]);
    magnitudes += magnitude;  // products may have underflowed, all of them
    if (reduced.size[j] == 0) continue;
    total.add(std::min(reduced.cost[j] * columns[j].low, reduced.cost[j] * columns[j].high));
    lost += reduced.size[j] * magnitude;
  }
  // Sums are off by gamma of their size, and every product by one denormal when it underflows.
  const double error = abstract::inflate(gamma * (lost + total.size) + 0x1p-1040 * magnitudes);
  return abstract::or_nothing(abstract::sum_down(total.value, -error));
}

}  // namespace espalier::linear
