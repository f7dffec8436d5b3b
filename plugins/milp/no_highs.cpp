// SPDX-License-Identifier: Apache-2.0
// In place of highs.cpp where HiGHS was not found.
#include "solvers.hpp"

namespace espalier::milp {

std::shared_ptr<const linear::MipSolver> make_highs() {
  return nullptr;
}

}  // namespace espalier::milp
