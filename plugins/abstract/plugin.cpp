// SPDX-License-Identifier: Apache-2.0
// Verification by abstract interpretation: sound, incomplete, fast. Guidotti et al. 2020, table 6, run ERAN this way.
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

#include "stage.hpp"

namespace {

using namespace espalier;
using namespace espalier::abstract;

/// Both domains answer the same questions.
void describe(StageBuilder<VerifyParams>& stage) {
  stage.repeatable(Repeatable::budgeted)
      .single_threaded()
      .input<Network>("network", "the network to be proven")
      .input<Instances>("instances", "the questions; their own epsilons are not used")
      .output<Verdicts>("verdicts", "one answer a question, with a certified bound of the margin")
      .param("epsilon", &VerifyParams::epsilon, "radius of every question, in pixel units, in place of its own")
      .required()
      .at_least(0);
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("abstract")
      .version("0.1.0")
      .doc("Proves robustness with abstract domains: certified bounds that hold over the reals, in milliseconds.");
  auto intervals = plugin.stage("intervals", verify_with_intervals);
  describe(intervals.doc("Verifies with interval arithmetic. The fastest and coarsest domain."));
  auto deeppoly = plugin.stage("deeppoly", verify_with_deeppoly);
  describe(deeppoly.doc("Verifies with DeepPoly: linear bounds of every neuron, substituted back to the input."));
  deeppoly
      .param("budget_s", &VerifyParams::budget_s,
             "seconds a question may take before it is a timeout, if intervals do not prove it; 0: no limit")
      .at_least(0);
}
