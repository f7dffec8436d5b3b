// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::prune {

void describe_neurons(PluginBuilder& plugin);
void describe_weights(PluginBuilder& plugin);

}  // namespace espalier::prune
