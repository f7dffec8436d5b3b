// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "linear_program/mip_solver.hpp"

namespace espalier::milp {

/// COIN-OR's branch and cut, with Gomory cuts and those of mixed-integer rounding.
std::shared_ptr<const linear::MipSolver> make_cbc();

/// HiGHS on one thread; nothing where it was not there at build time.
std::shared_ptr<const linear::MipSolver> make_highs();

inline constexpr const char* kSolverDoc =
    "who searches what bounds leave open. clp: Espalier's own branch and bound, over programs that CLP solves. cbc, "
    "highs: those first, for half of the time that is left, for counterexamples; what they say is not believed, so a "
    "proof is the former's as ever. highs needs a build that found HiGHS";

/// By its name in parameters; nothing for `clp`. Throws Error(request) for one that is not in this build.
std::shared_ptr<const linear::MipSolver> solver_named(const std::string& name);

}  // namespace espalier::milp
