// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::attack {

void describe_fgsm(PluginBuilder& plugin);
void describe_pgd(PluginBuilder& plugin);
void describe_select(PluginBuilder& plugin);

}  // namespace espalier::attack
