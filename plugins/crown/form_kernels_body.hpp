// SPDX-License-Identifier: Apache-2.0
// The kernels on forms, compiled once for each instruction set as kernels_body.hpp is and with its macros; like that,
// it includes nothing that has inline functions of its own.
#include "form_kernels.hpp"

namespace espalier::crown::ESPALIER_ISA {
namespace {

constexpr int kDoubles = ESPALIER_WIDTH / 2;
typedef double Wide __attribute__((vector_size(kDoubles * sizeof(double))));

inline Wide wide(const double* p) {
  return *reinterpret_cast<const Wide*>(p);
}
inline void put(double* p, Wide x) {
  *reinterpret_cast<Wide*>(p) = x;
}
inline Wide magnitudes(Wide x) {
  return x < 0 ? -x : x;
}

/// kChunks registers of kFormBlock rows at once.
template <int kChunks>
void dense_columns(const DenseDoubles& m, LiveElements live, const FormRows& x, const FormRows& y) {
  for (int row = 0; row < m.outer; row += kFormBlock) {
    const double* packed = m.packed + static_cast<long>(row) * m.inner;
    const int rows = m.outer - row < kFormBlock ? m.outer - row : kFormBlock;
    Wide sums[kFormBlock][kChunks];
#pragma GCC unroll 4
    for (int r = 0; r < kFormBlock; ++r) {
#pragma GCC unroll 4
      for (int c = 0; c < kChunks; ++c) sums[r][c] = Wide{};
    }
    for (int t = 0; t < live.count; ++t) {
      const double* in = x.data + live.index[t] * x.stride;
      const double* w = packed + static_cast<long>(live.index[t]) * kFormBlock;
      Wide v[kChunks];
#pragma GCC unroll 4
      for (int c = 0; c < kChunks; ++c) v[c] = wide(in + c * kDoubles);
#pragma GCC unroll 4
      for (int r = 0; r < kFormBlock; ++r) {
#pragma GCC unroll 4
        for (int c = 0; c < kChunks; ++c) sums[r][c] += w[r] * v[c];
      }
    }
#pragma GCC unroll 4
    for (int r = 0; r < kFormBlock; ++r) {
      if (r >= rows) continue;
      double* out = y.data + (row + r) * y.stride;
#pragma GCC unroll 4
      for (int c = 0; c < kChunks; ++c) put(out + c * kDoubles, sums[r][c]);
    }
  }
}

void dense(const DenseDoubles& m, LiveElements live, int columns, FormRows x, FormRows y) {
  constexpr int kMost = 4;
  int left = columns / kDoubles;
  while (left > 0) {
    const int chunks = left < kMost ? left : kMost;
    switch (chunks) {
      case 1:
        dense_columns<1>(m, live, x, y);
        break;
      case 2:
        dense_columns<2>(m, live, x, y);
        break;
      case 3:
        dense_columns<3>(m, live, x, y);
        break;
      default:
        dense_columns<kMost>(m, live, x, y);
        break;
    }
    left -= chunks;
    x.data += chunks * kDoubles;
    y.data += chunks * kDoubles;
  }
}

template <int kChunks>
void sparse_columns(const SparseDoubles& m, const FormRows& x, const FormRows& y) {
  for (int row = 0; row < m.outer; ++row) {
    Wide sums[kChunks];
#pragma GCC unroll 8
    for (int c = 0; c < kChunks; ++c) sums[c] = Wide{};
    for (std::int64_t t = m.start[row]; t < m.start[row + 1]; ++t) {
      const double* in = x.data + m.column[t] * x.stride;
#pragma GCC unroll 8
      for (int c = 0; c < kChunks; ++c) sums[c] += m.weight[t] * wide(in + c * kDoubles);
    }
#pragma GCC unroll 8
    for (int c = 0; c < kChunks; ++c) put(y.data + row * y.stride + c * kDoubles, sums[c]);
  }
}

void sparse(const SparseDoubles& m, int columns, FormRows x, FormRows y) {
  constexpr int kMost = 8;
  int left = columns / kDoubles;
  while (left > 0) {
    const int chunks = left >= kMost ? kMost : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    switch (chunks) {
      case 1:
        sparse_columns<1>(m, x, y);
        break;
      case 2:
        sparse_columns<2>(m, x, y);
        break;
      case 4:
        sparse_columns<4>(m, x, y);
        break;
      default:
        sparse_columns<kMost>(m, x, y);
        break;
    }
    left -= chunks;
    x.data += chunks * kDoubles;
    y.data += chunks * kDoubles;
  }
}

void dense_sizes(const DenseDoubles& m, LiveElements live, const double* x, double* y) {
  for (int row = 0; row < m.outer; row += kFormBlock) {
    const double* packed = m.packed + static_cast<long>(row) * m.inner;
    double sums[kFormBlock] = {};
    for (int t = 0; t < live.count; ++t) {
      const double* w = packed + static_cast<long>(live.index[t]) * kFormBlock;
      const double v = x[live.index[t]];
      for (int r = 0; r < kFormBlock; ++r) sums[r] += __builtin_fabs(w[r]) * v;
    }
    for (int r = 0; r < kFormBlock && row + r < m.outer; ++r) y[row + r] = sums[r];
  }
}

void sparse_sizes(const SparseDoubles& m, const double* x, double* y) {
  for (int row = 0; row < m.outer; ++row) {
    double sum = 0;
    for (std::int64_t t = m.start[row]; t < m.start[row + 1]; ++t) sum += __builtin_fabs(m.weight[t]) * x[m.column[t]];
    y[row] = sum;
  }
}

inline double total(Wide x) {
  double sum = 0;
#pragma GCC unroll 8
  for (int i = 0; i < kDoubles; ++i) sum += x[i];
  return sum;
}

void radii(int rows, int columns, FormRows x, double* out) {
  for (int row = 0; row < rows; ++row) {
    const double* in = x.data + row * x.stride;
    Wide sum = magnitudes(wide(in));
    sum[0] = 0;
    for (int c = kDoubles; c < columns; c += kDoubles) sum += magnitudes(wide(in + c));
    out[row] = total(sum);
  }
}

void shares(int columns, const double* x, int directions, const double* of, long stride, double* out) {
  for (int d = 0; d < directions; ++d, of += stride) {
    Wide sum{};
    for (int c = 0; c < columns; c += kDoubles) sum += magnitudes(wide(x + c)) * wide(of + c);
    out[d] = total(sum);
  }
}

void scale(int columns, double factor, const double* x, double* y) {
  for (int c = 0; c < columns; c += kDoubles) put(y + c, factor * wide(x + c));
}

}  // namespace

const FormKernels& form_table() {
  static const FormKernels all{dense, sparse, dense_sizes, sparse_sizes, radii, shares, scale};
  return all;
}

}  // namespace espalier::crown::ESPALIER_ISA
