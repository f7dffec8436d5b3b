// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <abstract/affine.hpp>

#include "kernels.hpp"
#include "lanes.hpp"

namespace espalier::crown {

/// A matrix that multiplies lanes from both sides: forwards W x, backwards W^T p. Weights are floats; dense or sparse
/// by what multiplies faster.
class Matrix {
 public:
  /// The given rows and columns of `columns`, in that order. Weights are rounded to float; see `inexact`.
  Matrix(const abstract::Columns& columns, std::int64_t rows, std::span<const std::int32_t> kept_rows,
         std::span<const std::int32_t> kept_columns);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  /// Whether some weight is not exactly a float.
  bool inexact() const { return inexact_; }
  void forward(const float* x, float* y, bool add) const { multiply(forward_, x, y, add); }
  void backward(const float* p, float* a, bool add) const { multiply(backward_, p, a, add); }
  /// Calls take(row, column, weight) with every weight that is not 0.
  template <class Take>
  void each_weight(const Take& take) const;

 private:
  /// One of the two orientations.
  struct Packed {
    Aligned<float> dense;
    std::vector<std::int64_t> start;
    std::vector<std::int32_t> column;
    std::vector<float> weight;
    int outer = 0;
    int inner = 0;
  };
  struct Term {
    std::int32_t outer;
    std::int32_t inner;
    float weight;
  };
  static Packed pack(std::span<const Term> terms, int outer, int inner);
  static void multiply(const Packed& packed, const float* x, float* y, bool add);

  int rows_ = 0;
  int columns_ = 0;
  bool inexact_ = false;
  Packed forward_;
  Packed backward_;
};

template <class Take>
void Matrix::each_weight(const Take& take) const {
  const Packed& rows = forward_;
  for (int i = 0; i < rows_; ++i) {
    if (rows.start.empty()) {
      const float* row = rows.dense.data() + static_cast<std::ptrdiff_t>(i / kBlock * kBlock) * columns_ + i % kBlock;
      for (int j = 0; j < columns_; ++j) {
        if (const float weight = row[static_cast<std::ptrdiff_t>(j) * kBlock]; weight != 0) take(i, j, weight);
      }
      continue;
    }
    const auto at = static_cast<std::size_t>(i);
    for (auto t = static_cast<std::size_t>(rows.start[at]); t < static_cast<std::size_t>(rows.start[at + 1]); ++t) {
      take(i, static_cast<int>(rows.column[t]), rows.weight[t]);
    }
  }
}

}  // namespace espalier::crown
