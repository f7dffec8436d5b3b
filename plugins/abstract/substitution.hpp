// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "relaxation.hpp"

namespace espalier::abstract {

/// Rows are substituted sixteen at a time: one number for each. A fixed width keeps the inner loops in registers.
inline constexpr int kLanes = 16;
using Lanes = std::array<double, kLanes>;

/// A linear functional of one value, zeros left out.
struct RowTerm {
  std::size_t element = 0;
  double factor = 0;
};
using Row = std::vector<RowTerm>;

/// How far back a functional is substituted before bounds are put in: to the nearest ReLU outputs, or to the input.
enum class Depth : std::uint8_t { nearest_relu, input };

struct Substituted {
  Lanes low;                  ///< certified lower bound of each row; -infinity when nothing is known
  std::vector<Lanes> slopes;  ///< coefficients on the network's input; empty unless substituted to the input
};

/// Lower bounds of up to kLanes functionals of `value` over the box, by backward substitution of the lines of every ReLU
/// (Singh et al. 2019, section 4.2). An upper bound is minus the lower bound of minus the functional.
/// Needs: `value` is in the relaxation.
Substituted substitute(const Relaxation& relaxation, int value, std::span<const Row> rows, Depth depth);

}  // namespace espalier::abstract
