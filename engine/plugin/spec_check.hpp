// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/plugin.hpp>

namespace espalier::plugin {

/// Whether the value has the parameter's type and lies in its range and choices. NaN lies in no range.
ESPALIER_API bool admits(const ParamSpec& param, const Value& value);

/// "in [0, 1]", "at least 1", "one of 'l1', 'l2'"; empty when everything of the type is admitted.
ESPALIER_API std::string admitted_text(const ParamSpec& param);

/// Whether `shards = n` means something to the stage: it answers questions one by one.
ESPALIER_API bool can_be_sharded(const StageSpec& stage);

/// Everything that is wrong with what a plugin says about itself, each with its place. `knows_kind` answers for the
/// kinds that exist already; those the plugin brings are known besides.
std::vector<std::string> spec_faults(const PluginSpec& plugin, const std::function<bool(std::string_view)>& knows_kind);

}  // namespace espalier::plugin
