// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::external {

void describe_vnncomp(PluginBuilder& plugin);

}  // namespace espalier::external
