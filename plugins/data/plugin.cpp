// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("data").version("0.1.0").doc("Data sets: IDX files, found by name or by path, and synthetic images.");
  espalier::data::describe_idx(plugin);
  espalier::data::describe_synthetic(plugin);
}
