// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/plugin.hpp>

namespace espalier::plugin {

/// What is built into the engine, described like any plugin: the eight kinds, and the stages that the planner inserts
/// for `shards = n`.
PluginSpec core_plugin();

}  // namespace espalier::plugin
