// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("fold").version("0.1.0").doc("Rewrites networks into simpler ones that compute the same.");
  espalier::fold::describe_batchnorm(plugin);
}
