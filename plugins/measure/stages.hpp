// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::measure {

void describe_network(PluginBuilder& plugin);
void describe_crosscheck(PluginBuilder& plugin);

}  // namespace espalier::measure
