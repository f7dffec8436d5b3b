// SPDX-License-Identifier: Apache-2.0
// Verification by abstract interpretation: sound, fast, and incomplete but for `refine`. Guidotti et al. 2020 ran ERAN
// this way: incomplete in table 6, complete in table 5.
#include <espalier/plugin.hpp>

#include "linear_program/stage.hpp"
#include "stage.hpp"

namespace {

using namespace espalier;

void refine(const linear::SearchParams& params, Context& ctx) {
  search_all("abstract.refine", {.tightening = linear::Tightening::mip}, params, ctx);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("abstract")
      .version("0.1.0")
      .doc("Proves robustness with abstract domains: certified bounds that hold over the reals, in milliseconds.");
  abstract::describe_verifier(plugin.stage("intervals", abstract::verify_with_intervals))
      .doc("Verifies with interval arithmetic. The fastest and coarsest domain.");
  abstract::describe_verifier(plugin.stage("deeppoly", abstract::verify_with_deeppoly))
      .doc("Verifies with DeepPoly: linear bounds of every neuron, substituted back to the input.");
  abstract::describe_verifier(plugin.stage("refine", refine))
      .doc(
          "Verifies with DeepPoly first; what stays open, by small searches for tighter bounds of every unstable "
          "neuron "
          "and a search for the answer. Complete but for ties within rounding and the budget.");
}
