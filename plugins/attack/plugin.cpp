// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("attack").version("0.1.0").doc("Gradient attacks, and the choice of images to verify.");
  espalier::attack::describe_fgsm(plugin);
  espalier::attack::describe_pgd(plugin);
  espalier::attack::describe_select(plugin);
}
