// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

namespace espalier::attack {

/// The ports of an attack, and the parameters that all attacks have: those of a Request.
template <class P>
void describe_attack(StageBuilder<P>& stage) {
  stage.repeatable(Repeatable::same_machine)
      .uses_device()
      .template input<Network>("network", "network to attack")
      .template input<Dataset>("dataset", "its test split is attacked when there are no instances")
      .template input<Instances>("instances", "attack these images and targets; their own radii are not used")
      .optional()
      .template output<Attacks>("attacks", "what was found, image by image")
      .param("epsilon", &P::epsilon, "largest L-infinity distance of a point")
      .range(0, 1)
      .param("target", &P::target, "one class that the network is to give; any wrong class when empty")
      .at_least(0)
      .param("limit", &P::limit, "attack only so many of the first images; 0 means all")
      .at_least(0)
      .param("keep", &P::keep, "how many adversarial points to keep")
      .at_least(0);
}

}  // namespace espalier::attack
