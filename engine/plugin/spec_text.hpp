// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <espalier/plugin.hpp>

namespace espalier::plugin {

/// A plugin's description as JSON: everything in it but the functions.
std::string description_text(const PluginSpec& plugin);
/// The way back; the functions are empty. Throws Error(damaged) when the text is not such a description.
PluginSpec description_from(std::string_view text);

}  // namespace espalier::plugin
