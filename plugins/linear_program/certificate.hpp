// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "program.hpp"

namespace espalier::linear {

/// A certified lower bound of an objective over all points of a program, from any multipliers of its rows: it holds
/// over the reals whatever they are, and is the better the nearer they are to an optimal dual solution. With no
/// objective and a dual ray, a bound above 0 certifies that there are no points. -infinity when nothing is known. After
/// Neumaier & Shcherbina, "Safe bounds in linear and mixed-integer linear programming", 2004. `columns` are the bounds
/// in place of the program's own; needs: one for each.
double certified_low(const Program& program, const Intervals& columns, std::span<const Term> objective,
                     std::span<const double> multipliers);

}  // namespace espalier::linear
