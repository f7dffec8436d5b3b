// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

#include <CoinFinite.hpp>
#include <CoinPackedMatrix.hpp>

#include "program.hpp"

namespace espalier::linear {

/// A program as COIN-OR's solvers load it.
struct CoinProgram {
  explicit CoinProgram(const Program& program) : matrix(false, 0, 0) {
    for (const Interval& x : program.columns()) {
      low.push_back(bound(x.low));
      high.push_back(bound(x.high));
    }
    for (const Interval& x : program.ranges()) {
      row_low.push_back(bound(x.low));
      row_high.push_back(bound(x.high));
    }
    matrix.setDimensions(0, static_cast<int>(low.size()));
    std::vector<int> columns;
    std::vector<double> factors;
    for (std::size_t i = 0; i < program.row_count(); ++i) {
      columns.clear();
      factors.clear();
      for (const Term& term : program.row(i)) {
        columns.push_back(term.column);
        factors.push_back(term.factor);
      }
      matrix.appendRow(static_cast<int>(columns.size()), columns.data(), factors.data());
    }
  }

  /// What they take for infinite.
  static double bound(double x) { return std::isfinite(x) ? x : std::copysign(COIN_DBL_MAX, x); }

  CoinPackedMatrix matrix;
  std::vector<double> low;  ///< of the columns
  std::vector<double> high;
  std::vector<double> row_low;
  std::vector<double> row_high;
};

}  // namespace espalier::linear
