// SPDX-License-Identifier: Apache-2.0
// Verification by abstract interpretation: sound, fast, and incomplete but for `refine`. Guidotti et al. 2020 ran ERAN
// this way: incomplete in table 6, complete in table 5.
#include <espalier/plugin.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "linear_program/stage.hpp"
#include "stage.hpp"

namespace {

using namespace espalier;
using namespace espalier::abstract;

void refine(const linear::SearchParams& params, Context& ctx) {
  search_all("abstract.refine", {.tightening = linear::Tightening::mip}, params, ctx);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("abstract")
      .version("0.1.0")
      .doc("Proves robustness with abstract domains: certified bounds that hold over the reals, in milliseconds.");
  describe_questions(plugin.stage("intervals", verify_with_intervals)
                         .doc("Verifies with interval arithmetic. The fastest and coarsest domain.")
                         .single_threaded());
  describe_verifier(plugin.stage("deeppoly", verify_with_deeppoly)
                        .doc("Verifies with DeepPoly: linear bounds of every neuron, substituted back to the input.")
                        .revision(2)
                        .single_threaded());
  linear::describe_search(plugin.stage("refine", refine))
      .doc(
          "Verifies with DeepPoly first; what stays open, by small searches for tighter bounds of every unstable "
          "neuron and a search for the answer, over linear programs that CLP solves. Complete but for ties within "
          "rounding and the budget.")
      .revision(3);
  plugin.stage("property", verify_property)
      .doc("Decides one property with DeepPoly, box by box, and tries a few points of each box as counterexamples.")
      .revision(3)
      .repeatable(Repeatable::budgeted)
      .single_threaded()
      .input<Network>("network", "the network to be proven")
      .input<Property>("property", "what it must never do")
      .output<Verdicts>("verdicts", "one row: `robust` when it never does, `counterexample` with an input when it does")
      .output<Metrics>("metrics", "setup_seconds; subproblems, the boxes bounded; lower_bound; rigorous, which is 1")
      .param("budget_s", &PropertyParams::budget_s, "seconds before the answer is a timeout; 0: no limit")
      .at_least(0);
}
