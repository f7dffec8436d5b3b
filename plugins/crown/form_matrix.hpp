// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <abstract/affine.hpp>

#include "form_kernels.hpp"
#include "lanes.hpp"

namespace espalier::crown {

/// A matrix of doubles that multiplies rows of forms, dense or sparse, whichever is less work.
class FormMatrix {
 public:
  FormMatrix(const abstract::Columns& columns, std::int64_t rows);

  int rows() const { return outer_; }
  /// y = M x for rows of `columns` numbers. Needs: elements of x that are not in `live` are rows of zeros.
  void multiply(LiveElements live, int columns, FormRows x, FormRows y) const;
  /// y = |M| x, one number an element.
  void multiply_sizes(LiveElements live, const double* x, double* y) const;
  /// y[row * stride] = weight(row, column) * factor for every row.
  void column(std::int32_t column, double factor, double* y, long stride) const;

 private:
  DenseDoubles dense() const { return {packed_.data(), outer_, inner_}; }
  SparseDoubles sparse() const { return {start_.data(), column_.data(), weight_.data(), outer_}; }

  int outer_;
  int inner_;
  bool is_dense_;
  Aligned<double> packed_;  // when dense
  std::vector<std::int64_t> start_;
  std::vector<std::int32_t> column_;
  std::vector<double> weight_;
  abstract::Columns columns_;  // when sparse: the same by columns
};

}  // namespace espalier::crown
