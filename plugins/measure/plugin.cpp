// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("measure").version("0.1.0").doc(
      "Numbers that describe a network: accuracy, sizes, unstable neurons; and whether answers agree.");
  espalier::measure::describe_network(plugin);
  espalier::measure::describe_crosscheck(plugin);
}
