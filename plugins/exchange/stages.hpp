// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::exchange {

void describe_onnx(PluginBuilder& plugin);
void describe_vnnlib(PluginBuilder& plugin);

}  // namespace espalier::exchange
