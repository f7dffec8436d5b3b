// SPDX-License-Identifier: Apache-2.0
#include <espalier/plugin.hpp>

ESPALIER_PLUGIN(plugin) { plugin.name("abstract").version("0.1.0").doc("abstract"); }
