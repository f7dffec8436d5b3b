// SPDX-License-Identifier: Apache-2.0
// Verification the way of Reluplex and Marabou (Katz et al. 2017, 2019): the simplex method on a relaxation, and a
// split of a neuron only where its solution is wrong. An untargeted question is the union of the targeted ones.
#include <espalier/plugin.hpp>

#include "linear_program/stage.hpp"

namespace {

using namespace espalier;

void verify(const linear::SearchParams& params, Context& ctx) {
  search_all("simplex.verify", {.tightening = linear::Tightening::deeppoly, .branching = linear::Branching::violation},
             params, ctx);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("simplex").version("0.1.0").doc(
      "Proves robustness by the simplex method and case splits, with certified bounds that hold over the reals.");
  linear::describe_search(plugin.stage("verify", verify))
      .doc(
          "Verifies with linear programs over the triangles of unstable neurons, solved by CLP, and splits the neuron "
          "that the solution violates most. Bounds are tightened by DeepPoly. Complete but for ties within rounding "
          "and the budget.")
      .revision(3);
}
