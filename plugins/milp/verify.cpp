// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "linear_program/stage.hpp"
#include "solvers.hpp"
#include "stages.hpp"

namespace espalier::milp {
namespace {

struct Params : linear::SearchParams {
  std::string solver = "clp";
  std::string tightening = "lp";
};

linear::Tightening tightening_of(const std::string& name) {
  if (name == "lp") return linear::Tightening::lp;
  return name == "mip" ? linear::Tightening::mip : linear::Tightening::deeppoly;
}

void verify(const Params& params, Context& ctx) {
  search_all("milp.verify", {.tightening = tightening_of(params.tightening), .solver = solver_named(params.solver)},
             params, ctx);
}

}  // namespace

void add_verify(PluginBuilder& plugin) {
  linear::describe_search(plugin.stage("verify", verify))
      .doc(
          "Verifies with a mixed-integer program for every class that may win. Its branch and bound is Espalier's own, "
          "over linear programs that CLP solves, so that every node is closed by a bound that is certified here. "
          "Complete but for ties within rounding and the budget.")
      .revision(3)
      .param(
          "tightening", &Params::tightening,
          "what bounds a neuron before the search, while it is unstable: DeepPoly; linear programs after it; or short "
          "mixed-integer programs after those")
      .choices({"deeppoly", "lp", "mip"})
      .param("solver", &Params::solver, kSolverDoc)
      .choices({"clp", "cbc", "highs"});
}

}  // namespace espalier::milp
