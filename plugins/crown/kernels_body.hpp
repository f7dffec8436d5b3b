// SPDX-License-Identifier: Apache-2.0
// The kernels, compiled once for each instruction set: the includer defines ESPALIER_ISA (a namespace), ESPALIER_WIDTH
// (floats a register) and ESPALIER_CHUNK (registers a row). Includes nothing that has inline functions of its own,
// which the linker could otherwise take from here for processors that cannot run them.
#include "kernels.hpp"

namespace espalier::crown::ESPALIER_ISA {
namespace {

constexpr int kLaneCount = 64;
constexpr int kWidth = ESPALIER_WIDTH;
constexpr int kChunk = ESPALIER_CHUNK;
typedef float Register __attribute__((vector_size(kWidth * sizeof(float))));

inline Register load(const float* p) {
  return *reinterpret_cast<const Register*>(p);
}
inline void store(float* p, Register x) {
  *reinterpret_cast<Register*>(p) = x;
}

template <bool kAll>
void dense_any(const DenseView& m, const char* inner, const float* x, float* y, bool add) {
  for (int row = 0; row < m.outer; row += kBlock) {
    const float* packed = m.packed + static_cast<long>(row) * m.inner;
    const int rows = m.outer - row < kBlock ? m.outer - row : kBlock;
    for (int lane = 0; lane < kLaneCount; lane += kWidth * kChunk) {
      Register sums[kBlock][kChunk];
#pragma GCC unroll 8
      for (int r = 0; r < kBlock; ++r) {
#pragma GCC unroll 8
        for (int c = 0; c < kChunk; ++c) sums[r][c] = Register{};
      }
      const float* column = x + lane;
      const float* w = packed;
      for (int j = 0; j < m.inner; ++j, column += kLaneCount, w += kBlock) {
        if (!kAll && inner[j] == 0) continue;
        Register v[kChunk];
#pragma GCC unroll 8
        for (int c = 0; c < kChunk; ++c) v[c] = load(column + c * kWidth);
#pragma GCC unroll 8
        for (int r = 0; r < kBlock; ++r) {
#pragma GCC unroll 8
          for (int c = 0; c < kChunk; ++c) sums[r][c] += w[r] * v[c];
        }
      }
      // Rows of the padding are summed and not stored; constant indices keep the sums in registers.
#pragma GCC unroll 8
      for (int r = 0; r < kBlock; ++r) {
        if (r >= rows) continue;
        float* out = y + static_cast<long>(row + r) * kLaneCount + lane;
#pragma GCC unroll 8
        for (int c = 0; c < kChunk; ++c) {
          store(out + c * kWidth, add ? load(out + c * kWidth) + sums[r][c] : sums[r][c]);
        }
      }
    }
  }
}

void dense(const DenseView& m, const Chosen& chosen, const float* x, float* y, bool add) {
  if (chosen.inner == nullptr) {
    dense_any<true>(m, nullptr, x, y, add);
  } else {
    dense_any<false>(m, chosen.inner, x, y, add);
  }
}

template <int kRows>
void group(const SparseView& m, const RowGroup& g, const char* inner, const float* x, float* y, bool add) {
  const std::int32_t* columns = m.column + g.column;
  for (int lane = 0; lane < kLaneCount; lane += kWidth * kChunk) {
    Register sums[kRows][kChunk];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
      for (int c = 0; c < kChunk; ++c) sums[r][c] = Register{};
    }
    const float* w = m.weight + g.weight;
    for (std::int32_t t = 0; t < g.columns; ++t, w += kRows) {
      if (inner != nullptr && inner[columns[t]] == 0) continue;
      const float* in = x + static_cast<long>(columns[t]) * kLaneCount + lane;
      Register v[kChunk];
#pragma GCC unroll 8
      for (int c = 0; c < kChunk; ++c) v[c] = load(in + c * kWidth);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
        for (int c = 0; c < kChunk; ++c) sums[r][c] += w[r] * v[c];
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      float* out = y + static_cast<long>(m.row[g.row + r]) * kLaneCount + lane;
#pragma GCC unroll 8
      for (int c = 0; c < kChunk; ++c) {
        store(out + c * kWidth, add ? load(out + c * kWidth) + sums[r][c] : sums[r][c]);
      }
    }
  }
}

bool any_of(const SparseView& m, const RowGroup& g, const char* outer) {
  if (outer == nullptr) return true;
  for (std::int32_t r = 0; r < g.rows; ++r) {
    if (outer[m.row[g.row + r]] != 0) return true;
  }
  return false;
}

void sparse(const SparseView& m, const Chosen& chosen, const float* x, float* y, bool add) {
  using Product = void (*)(const SparseView&, const RowGroup&, const char*, const float*, float*, bool);
  static constexpr Product kProducts[kBlock] = {group<1>, group<2>, group<3>, group<4>, group<5>, group<6>};
  for (int i = 0; i < m.groups; ++i) {
    const RowGroup& g = m.group[i];
    if (any_of(m, g, chosen.outer)) kProducts[g.rows - 1](m, g, chosen.inner, x, y, add);
  }
}

void diagonal(int n, const float* factor, const float* x, float* y, bool add) {
  for (int i = 0; i < n; ++i, x += kLaneCount, y += kLaneCount) {
    for (int l = 0; l < kLaneCount; ++l) y[l] = (add ? y[l] : 0.0F) + factor[i] * x[l];
  }
}

// A register of lanes at a time, so that what is summed over elements stays there.
typedef double DoubleRegister __attribute__((vector_size(kWidth * sizeof(double)), aligned(kWidth * sizeof(float))));

inline Register magnitude(Register x) {
  return x < 0 ? -x : x;
}

void relu_back(int n, const float* a, const Relaxed& relu, const double* bias, const float* slack, float* p,
               double* constant, float* error) {
  for (int lane = 0; lane < kLaneCount; lane += kWidth) {
    Register errors = load(error + lane);
    DoubleRegister constants = *reinterpret_cast<DoubleRegister*>(constant + lane);
    for (int i = 0; i < n; ++i) {
      const long at = static_cast<long>(i) * kLaneCount + lane;
      const Register in = load(a + at);
      const Register out = in * (in >= 0 ? load(relu.low + at) : load(relu.high + at)) - load(relu.beta + at);
      store(p + at, out);
      errors += magnitude(out) * slack[i];
      const Register negative = in < 0 ? in : Register{};
      constants += __builtin_convertvector(negative, DoubleRegister) *
                       __builtin_convertvector(load(relu.offset + at), DoubleRegister) +
                   __builtin_convertvector(out, DoubleRegister) * bias[i];
    }
    store(error + lane, errors);
    *reinterpret_cast<DoubleRegister*>(constant + lane) = constants;
  }
}

void affine_back(int n, const float* p, const double* bias, const float* slack, double* constant, float* error) {
  for (int lane = 0; lane < kLaneCount; lane += kWidth) {
    Register errors = load(error + lane);
    DoubleRegister constants = *reinterpret_cast<DoubleRegister*>(constant + lane);
    for (int i = 0; i < n; ++i) {
      const Register in = load(p + static_cast<long>(i) * kLaneCount + lane);
      errors += magnitude(in) * slack[i];
      constants += __builtin_convertvector(in, DoubleRegister) * bias[i];
    }
    store(error + lane, errors);
    *reinterpret_cast<DoubleRegister*>(constant + lane) = constants;
  }
}

/// The sum of eight elements at a time in float (8 roundings at most), then in double.
template <bool kShared>
void concretise_any(int n, const float* a, const float* centre, const float* radius, float* x, double* total) {
  constexpr int kGroup = 8;
  for (int lane = 0; lane < kLaneCount; lane += kWidth) {
    DoubleRegister totals = *reinterpret_cast<DoubleRegister*>(total + lane);
    for (int begin = 0; begin < n; begin += kGroup) {
      const int end = begin + kGroup < n ? begin + kGroup : n;
      Register sum{};
      for (int i = begin; i < end; ++i) {
        const long at = static_cast<long>(i) * kLaneCount + lane;
        const Register c = kShared ? Register{} + centre[i] : load(centre + at);
        const Register r = kShared ? Register{} + radius[i] : load(radius + at);
        const Register v = load(a + at);
        store(x + at, v > 0 ? c - r : v < 0 ? c + r : c);
        sum += v * c - magnitude(v) * r;
      }
      totals += __builtin_convertvector(sum, DoubleRegister);
    }
    *reinterpret_cast<DoubleRegister*>(total + lane) = totals;
  }
}

void concretise(int n, const float* a, const float* centre, const float* radius, float* x, double* total) {
  concretise_any<true>(n, a, centre, radius, x, total);
}

void concretise_lanes(int n, const float* a, const float* centre, const float* radius, float* x, double* total) {
  concretise_any<false>(n, a, centre, radius, x, total);
}

void add_bias(int n, const float* bias, float* z) {
  for (int i = 0; i < n; ++i, z += kLaneCount) {
    for (int l = 0; l < kLaneCount; ++l) z[l] += bias[i];
  }
}

void relu_relaxed(int n, const float* a, const float* z, const Relaxed& relu, float* y) {
  const float* low = relu.low;
  const float* high = relu.high;
  const float* offset = relu.offset;
  const long size = static_cast<long>(n) * kLaneCount;
  for (long i = 0; i < size; ++i) y[i] = a[i] >= 0 ? low[i] * z[i] : high[i] * z[i] + offset[i];
}

void relu(int n, const float* z, float* y) {
  const long size = static_cast<long>(n) * kLaneCount;
  for (long i = 0; i < size; ++i) y[i] = z[i] > 0 ? z[i] : 0.0F;
}

void relu_gradient(int n, const float* a, const float* z, float* p) {
  const long size = static_cast<long>(n) * kLaneCount;
  for (long i = 0; i < size; ++i) p[i] = z[i] > 0 ? a[i] : 0.0F;
}

inline Register root(Register x) {
  Register y;
  for (int l = 0; l < kWidth; ++l) y[l] = __builtin_sqrtf(x[l]);
  return y;
}

inline Register adam(Register gradient, float* first, float* second, const Ascent& by) {
  const Register mean = by.first_decay * load(first) + (1 - by.first_decay) * gradient;
  const Register square = by.second_decay * load(second) + (1 - by.second_decay) * gradient * gradient;
  store(first, mean);
  store(second, square);
  return mean * by.first_correction / (root(square * by.second_correction) + 1e-12F);
}

void ascend(int n, const float* a, const float* z, const Relaxed& relu, const Moments& moments, const Ascent& ascent,
            bool multipliers) {
  const Ascent by = ascent;
  const Register zero{};
  const Register one = zero + 1;
  const long size = static_cast<long>(n) * kLaneCount;
  for (long i = 0; i < size; i += kWidth) {
    // Only a neuron that is neither fixed nor split has a slope strictly between 0 and 1 above it.
    const Register high = load(relu.high + i);
    const Register low = load(relu.low + i);
    const Register in = load(a + i);
    const Register gradient = in > 0 ? in * load(z + i) : zero;
    const Register up = low + by.alpha_rate * adam(gradient, moments.low_first + i, moments.low_second + i, by);
    const Register clamped = up < 0 ? zero : (up > 1 ? one : up);
    store(relu.low + i, (high > 0) & (high < 1) ? clamped : low);
  }
  for (long i = 0; multipliers && i < size; i += kWidth) {
    const Register sign = load(relu.sign + i);
    const Register step = by.beta_rate * adam(-sign * load(z + i), moments.beta_first + i, moments.beta_second + i, by);
    const Register size_up = sign * load(relu.beta + i) + step;
    store(relu.beta + i, size_up > 0 ? sign * size_up : zero);
  }
}

void keep(int n, const std::uint32_t* better, const float* from, float* to) {
  for (int i = 0; i < n; ++i, from += kLaneCount, to += kLaneCount) {
    for (int l = 0; l < kLaneCount; ++l) to[l] = better[l] != 0 ? from[l] : to[l];
  }
}

void sign_step(int n, const float* g, const float* step, const float* low, const float* high, float* x) {
  for (int i = 0; i < n; ++i, g += kLaneCount, x += kLaneCount) {
    for (int l = 0; l < kLaneCount; ++l) {
      const float moved = x[l] + (g[l] > 0 ? step[i] : g[l] < 0 ? -step[i] : 0.0F);
      x[l] = moved < low[i] ? low[i] : moved > high[i] ? high[i] : moved;
    }
  }
}

}  // namespace

const Kernels& table() {
  static const Kernels all{ESPALIER_ISA_NAME, dense,    sparse,       diagonal, relu_back,     affine_back, concretise,
                           concretise_lanes,  add_bias, relu_relaxed, relu,     relu_gradient, ascend,      keep,
                           sign_step};
  return all;
}

}  // namespace espalier::crown::ESPALIER_ISA
