// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  /// With `chosen` rows, or all: elements of x that these do not depend on are not looked at.
  void forward(const float* x, float* y, bool add, const char* chosen = nullptr) const {
    multiply(forward_, {nullptr, chosen}, x, y, add);
  }
  void backward(const float* p, float* a, bool add, const Chosen& chosen = {}) const {
    multiply(backward_, chosen, p, a, add);
  }
  /// Chooses the columns that chosen rows depend on, too.
  void reach(const char* chosen_rows, char* chosen_columns) const;

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
  bool inexact_ = false;
  bool dense_ = false;
  Packed forward_;
  Packed backward_;
};

}  // namespace espalier::crown
