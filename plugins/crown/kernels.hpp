// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace espalier::crown {

/// Rows of a packed matrix are multiplied this many at a time.
inline constexpr int kBlock = 6;

/// Borrowed forms of a matrix [outer x inner]. Dense: blocks of kBlock rows, column by column, the last block padded
/// with zeros. Sparse: groups of up to kBlock rows whose terms are in the same columns, as those of a convolution are
/// for all channels at one position, so that what is loaded serves all of them; weights column by column.
struct DenseView {
  const float* packed;
  int outer;
  int inner;
};
struct RowGroup {
  std::int64_t row;     ///< where its rows begin in SparseView::row
  std::int64_t column;  ///< the same for its columns
  std::int64_t weight;  ///< and its weights, [columns x rows]
  std::int32_t rows;
  std::int32_t columns;
};
struct SparseView {
  const RowGroup* group;
  const std::int32_t* row;
  const std::int32_t* column;
  const float* weight;
  int groups;
};

/// Which elements a product is about, null for all of them.
struct Chosen {
  const char* inner = nullptr;  ///< the others are taken to be 0, whatever they hold
  const char* outer = nullptr;  ///< the others may be left as they are
};

/// The adaptive step of Kingma and Ba (Adam), with the bias corrections of one iteration already in the two rates.
struct Ascent {
  float alpha_rate;
  float beta_rate;
  float first_decay;
  float second_decay;
  float first_correction;   ///< 1 / (1 - first_decay^t)
  float second_correction;  ///< 1 / (1 - second_decay^t)
};

/// The relaxation of n ReLUs for every lane, each array [n x kLanes]: y >= low z and y <= high z + offset. A split
/// neuron has low = high = 1 or 0, offset 0 and a multiplier: `beta` is sign * multiplier, `sign` +1 (z >= 0), -1
/// (z <= 0) or 0 (not split).
struct Relaxed {
  float* low;
  const float* high;
  const float* offset;
  const float* sign;
  float* beta;
};

/// Adam's moments of `low` and `beta`, each [n x kLanes].
struct Moments {
  float* low_first;
  float* low_second;
  float* beta_first;
  float* beta_second;
};

/// The operations on lanes that cost time, in one instruction set. Matrices are [elements x kLanes], totals [kLanes].
/// Products are plain sums of float products in some order, fused or not: what the error terms of Program rely on.
struct Kernels {
  const char* name;
  void (*dense)(const DenseView& matrix, const Chosen& chosen, const float* x, float* y, bool add);
  void (*sparse)(const SparseView& matrix, const Chosen& chosen, const float* x, float* y, bool add);
  /// y (+)= factor_i x_i
  void (*diagonal)(int n, const float* factor, const float* x, float* y, bool add);
  /// p = (a >= 0 ? low : high) a - beta; constant += min(a, 0) offset + p bias; error += |p| slack.
  void (*relu_back)(int n, const float* a, const Relaxed& relu, const double* bias, const float* slack, float* p,
                    double* constant, float* error);
  /// constant += p bias; error += |p| slack.
  void (*affine_back)(int n, const float* p, const double* bias, const float* slack, double* constant, float* error);
  /// total += a centre - |a| radius, x = the point of the box where that is smallest.
  void (*concretise)(int n, const float* a, const float* centre, const float* radius, float* x, double* total);
  /// The same with centre and radius [n x kLanes].
  void (*concretise_lanes)(int n, const float* a, const float* centre, const float* radius, float* x, double* total);
  /// z += bias, in place.
  void (*add_bias)(int n, const float* bias, float* z);
  /// y = the side of the relaxation that `a` chose, at z.
  void (*relu_relaxed)(int n, const float* a, const float* z, const Relaxed& relu, float* y);
  void (*relu)(int n, const float* z, float* y);
  /// p = z > 0 ? a : 0.
  void (*relu_gradient)(int n, const float* a, const float* z, float* p);
  /// One step up the gradient of the bound: max(a, 0) z for a free `low`; with `multipliers`
  /// also -sign z for those.
  void (*ascend)(int n, const float* a, const float* z, const Relaxed& relu, const Moments& moments,
                 const Ascent& ascent, bool multipliers);
  /// to = from in the lanes where better is not 0.
  void (*keep)(int n, const std::uint32_t* better, const float* from, float* to);
  /// x += step sign(g), then into [low, high]; all but g are [n] or [n x kLanes] as in concretise: bounds are [n].
  void (*sign_step)(int n, const float* g, const float* step, const float* low, const float* high, float* x);
};

/// The best this processor runs.
const Kernels& kernels();

}  // namespace espalier::crown
