// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("prune").version("0.1.0").doc("Makes networks smaller: fewer neurons or fewer weights.");
  espalier::prune::describe_neurons(plugin);
  espalier::prune::describe_weights(plugin);
}
