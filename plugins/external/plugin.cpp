// SPDX-License-Identifier: Apache-2.0
#include "vnncomp.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("external").version("0.1.0").doc("Other people's verifiers, as programs of the user's own installation.");
  espalier::external::describe_vnncomp(plugin);
}
