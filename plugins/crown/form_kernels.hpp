// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace espalier::crown {

/// Rows of forms are padded to a multiple of this many numbers, and begin on cache lines.
inline constexpr int kFormWidth = 8;
/// Rows of a dense matrix are multiplied this many at a time.
inline constexpr int kFormBlock = 4;

/// Borrowed matrices of doubles [outer x inner], as DenseView and SparseView are of floats.
struct DenseDoubles {
  const double* packed;  ///< blocks of kFormBlock rows, column by column, the last block padded with zeros
  int outer;
  int inner;
};
struct SparseDoubles {
  const std::int64_t* start;
  const std::int32_t* column;
  const double* weight;
  int outer;
};

/// Rows of numbers, one an element: borrowed.
struct FormRows {
  double* data;
  long stride;
};

/// The elements that are not zero.
struct LiveElements {
  const std::int32_t* index;
  int count;
};

/// The operations on forms that cost time, in one instruction set. Sums are plain sums of products in some order, fused
/// or not. `columns` is a multiple of kFormWidth.
struct FormKernels {
  /// y = M x, for the elements of x that are not zero.
  void (*dense)(const DenseDoubles& m, LiveElements live, int columns, FormRows x, FormRows y);
  /// y = M x.
  void (*sparse)(const SparseDoubles& m, int columns, FormRows x, FormRows y);
  /// y = |M| x with one number an element.
  void (*dense_sizes)(const DenseDoubles& m, LiveElements live, const double* x, double* y);
  void (*sparse_sizes)(const SparseDoubles& m, const double* x, double* y);
  /// The sum of |x| over a row without its first number.
  void (*radii)(int rows, int columns, FormRows x, double* out);
  /// out_d = sum of |x_c| shares[d * stride + c] over a row x.
  void (*shares)(int columns, const double* x, int directions, const double* shares, long stride, double* out);
  /// y = factor x, one row.
  void (*scale)(int columns, double factor, const double* x, double* y);
};

/// The best this processor runs.
const FormKernels& form_kernels();

}  // namespace espalier::crown
