// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::milp {

void add_verify(PluginBuilder& plugin);
void add_distortion(PluginBuilder& plugin);

}  // namespace espalier::milp
