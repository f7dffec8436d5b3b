// SPDX-License-Identifier: Apache-2.0
#include "solvers.hpp"

#include <espalier/error.hpp>

namespace espalier::milp {

std::shared_ptr<const linear::MipSolver> solver_named(const std::string& name) {
  if (name == "clp") return nullptr;
  if (name == "cbc") return make_cbc();
  if (auto highs = make_highs()) return highs;
  throw Error(Code::request, "solver = 'highs', but this Espalier was built without HiGHS",
              "give 'clp' or 'cbc', or install libhighs-dev (Debian 13 has it) and build again");
}

}  // namespace espalier::milp
