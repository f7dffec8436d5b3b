// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::fold {

void describe_batchnorm(PluginBuilder& plugin);

}  // namespace espalier::fold
