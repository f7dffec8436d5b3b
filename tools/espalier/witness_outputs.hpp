// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::cli {

/// The network's outputs at a point, as decimals that read back to the same doubles. One too large for a double is
/// worked out exactly and written with as many digits and the exponent that it has ("1.5e+342"): SMT-LIB has no
/// infinity, and who checks witnesses of VNN-COMP wants every output, so none may be `inf`, `nan` or left out.
std::vector<std::string> output_decimals(const Network& network, std::span<const double> point);

}  // namespace espalier::cli
