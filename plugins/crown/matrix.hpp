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
  /// The given rows and columns of `columns`, in that order. Weights become floats; see normal_float().
  Matrix(const abstract::Columns& columns, std::int64_t rows, std::span<const std::int32_t> kept_rows,
         std::span<const std::int32_t> kept_columns);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  /// With `chosen` rows, or all: elements of x that these do not depend on are not looked at.
  void forward(const float* x, float* y, bool add, const char* chosen = nullptr) const {
    multiply(forward_, {nullptr, chosen}, x, y, add);
  }
  void backward(const float* p, float* a, bool add, const Chosen& chosen = {}) const {
    multiply(backward_, chosen, p, a, add);
  }
  /// Chooses the columns that chosen rows depend on, too.
  void reach(const char* chosen_rows, char* chosen_columns) const;
  /// Calls take(row, column, weight) with every weight that is not 0.
  template <class Take>
  void each_weight(const Take& take) const;

  /// One of the two orientations.
  struct Packed {
    Aligned<float> dense;  ///< in use when there are no groups
    std::vector<RowGroup> groups;
    std::vector<std::int32_t> row;
    std::vector<std::int32_t> column;
    std::vector<float> weight;
    int outer = 0;
    int inner = 0;
  };

 private:
  static void multiply(const Packed& packed, const Chosen& chosen, const float* x, float* y, bool add);

  int rows_ = 0;
  int columns_ = 0;
  bool dense_ = false;
  Packed forward_;
  Packed backward_;
};

template <class Take>
void Matrix::each_weight(const Take& take) const {
  const auto put = [&](int row, int column, float weight) {
    if (weight != 0) take(row, column, weight);
  };
  const auto at = [](const auto& all, std::int64_t i) { return all[static_cast<std::size_t>(i)]; };
  const Packed& packed = forward_;
  for (const RowGroup& g : packed.groups) {
    for (int r = 0; r < g.rows; ++r) {
      for (int c = 0; c < g.columns; ++c) {
        put(at(packed.row, g.row + r), at(packed.column, g.column + c),
            at(packed.weight, g.weight + std::int64_t{c} * g.rows + r));
      }
    }
  }
  for (int i = 0; packed.groups.empty() && i < rows_; ++i) {
    const std::int64_t block = std::int64_t{i / kBlock} * columns_;
    for (int j = 0; j < columns_; ++j) put(i, j, at(packed.dense, (block + j) * kBlock + i % kBlock));
  }
}

}  // namespace espalier::crown
