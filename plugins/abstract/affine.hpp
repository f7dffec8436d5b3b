// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::abstract {

/// A matrix by columns, zeros left out: column j holds terms [start[j], start[j + 1]).
struct Columns {
  struct Term {
    double weight = 0;
    std::int32_t row = 0;
  };
  std::vector<std::int64_t> start;
  std::vector<Term> terms;

  std::span<const Term> column(std::size_t j) const {
    return std::span(terms).subspan(static_cast<std::size_t>(start[j]),
                                    static_cast<std::size_t>(start[j + 1] - start[j]));
  }
};

/// y = W x + b in double, with what separates the stored numbers from the network's real ones. Linear, Conv2d,
/// BatchNorm, AvgPool and the rest that is affine all become this, so that an analysis has one affine case. Needs
/// memory for one term per product.
struct AffineMap {
  Columns weights;
  std::vector<double> bias;
  double weight_error = 0;           ///< |real weight - weight| <= weight_error |weight|
  std::vector<double> bias_error;    ///< |real bias - bias|, per output
  std::vector<std::int32_t> fan_in;  ///< terms per output
  bool elementwise = false;          ///< an output depends on one input at most, and no two outputs on the same

  std::int64_t outputs() const { return static_cast<std::int64_t>(bias.size()); }
};

AffineMap affine_map(const Linear& op);
AffineMap affine_map(const Conv2d& op, const Shape& in, const Shape& out);
AffineMap affine_map(const BatchNorm& op, const Shape& in);
AffineMap affine_map(const AvgPool& op, const Shape& in, const Shape& out);
AffineMap affine_map(const Affine& op);
/// Elements at new places: output k is input sources[k], or 0 where that is -1.
AffineMap moving_map(const std::vector<std::int64_t>& sources, const Shape& in);

}  // namespace espalier::abstract
