// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::data {

void describe_idx(PluginBuilder& plugin);
void describe_synthetic(PluginBuilder& plugin);

}  // namespace espalier::data
