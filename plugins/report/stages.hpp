// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::report {

void describe_page(PluginBuilder& plugin);
void describe_table(PluginBuilder& plugin);

}  // namespace espalier::report
