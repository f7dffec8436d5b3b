// SPDX-License-Identifier: Apache-2.0
// Complete verification by bound propagation and branch and bound, in the line of CROWN (Zhang et al. 2018),
// alpha-CROWN (Xu et al. 2021) and beta-CROWN (Wang et al. 2021).
#include <espalier/plugin.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "proof.hpp"
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  using namespace espalier;
  using namespace espalier::crown;
  constexpr const char* kMemory =
      "MiB that open parts of a search may take; then it goes on with those that are nearest to their proof";
  constexpr const char* kDevice =
      "where parts of the box are bounded: auto, cpu, cuda, cuda:N, or torch-cpu, which is the way of GPUs on the CPU; "
      "auto takes the node's GPU for questions that are not decided at once";
  plugin.name("crown").version("0.1.0").doc(
      "Decides robustness and general properties of ReLU networks: proofs that hold over the reals, counterexamples "
      "that were replayed.");
  abstract::describe_verifier(
      plugin.stage("verify", verify)
          .doc("Verifies robustness by attacks, linear bounds and branch and bound over the phases of neurons.")
          .revision(4)
          .uses_device())
      .output<Metrics>("metrics", "subproblems: the parts of all boxes that were bounded")
      .param("memory_mib", &VerifyParams::memory_mib, kMemory)
      .at_least(1)
      .execution()
      .param("device", &VerifyParams::device, kDevice)
      .execution();
  plugin.kind<Proof>();
  plugin.stage("property", verify_property)
      .doc("Decides one property like crown.verify; networks of few inputs by halving the box of inputs.")
      .revision(5)
      .uses_device()
      .repeatable(Repeatable::budgeted)
      .input<Network>("network", "the network to be proven")
      .input<Property>("property", "what it must never do")
      .output<Verdicts>("verdicts", "one row: `robust` when it never does, `counterexample` with an input when it does")
      .output<Metrics>("metrics", "subproblems, the parts bounded; lower_bound; rigorous, which is 1")
      .output<Proof>("proof", "with keep_proof and a `robust`, why; else empty")
      .param("budget_s", &PropertyParams::budget_s, "seconds before the answer is a timeout; 0: no limit")
      .at_least(0)
      .param("memory_mib", &PropertyParams::memory_mib, kMemory)
      .at_least(1)
      .execution()
      .param("network_mib", &PropertyParams::network_mib,
             "MiB that the network may take beside: of one that is expected to take more, nothing is begun and the "
             "answer is `unknown`; 0: no limit")
      .at_least(0)
      .param("keep_proof", &PropertyParams::keep_proof,
             "keep a proof of `robust` that tools/check-proof can check; it may take memory_mib again")
      .param("device", &PropertyParams::device, kDevice)
      .execution();
  plugin.stage("radius", certified_radius)
      .doc(
          "Finds for every image the largest radius that crown.verify can prove and the smallest at which a "
          "counterexample was found, by bisection.")
      .revision(4)
      .uses_device()
      .repeatable(Repeatable::budgeted)
      .input<Network>("network", "the network to be proven")
      .input<Instances>("instances", "the images; their epsilons are not used")
      .output<Metrics>("metrics",
                       "series image, label, target (-1: none), proven_radius (0: none), attacked_radius (infinite: "
                       "none; 0: the image itself is not given its label), questions and pixels (52 bits of the "
                       "image's digest); means and medians of both radii. What they are true of: network (the bytes "
                       "of its digest), clip_low, clip_high")
      .param("budget_s", &RadiusParams::budget_s,
             "seconds an image may take, and four times what one radius may; 0: no limit")
      .at_least(0)
      .param("largest", &RadiusParams::largest, "radius beyond which nothing is asked, in pixel units")
      .range(1e-6, 1e6)
      .param("tolerance", &RadiusParams::tolerance, "an image is done when its two radii are no further apart")
      .range(1e-9, 1)
      .param("device", &RadiusParams::device, kDevice)
      .execution();
}
