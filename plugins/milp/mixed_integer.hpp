// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "linear_program/encoding.hpp"

namespace espalier::milp {

/// The formulation of Tjeng, Xiao & Tedrake (2019): a binary for every unstable neuron, 1 on its positive side.
struct MixedInteger {
  linear::Program program;
  linear::Terms objective;             ///< in a unit of its own, with factors of at most 1
  std::vector<std::int32_t> binaries;  ///< a column for every neuron, in the order of the encoding
};

/// With only those solutions at which the objective is not above 0. The encoding's columns come first.
MixedInteger mixed_integer(const linear::Encoding& encoding, const linear::Terms& objective);

}  // namespace espalier::milp
