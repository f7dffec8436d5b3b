// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "plugin/registry.hpp"

namespace espalier::plugin {

/// Writes a plugin project that builds against the installed package and passes its own test: CMakeLists.txt, one
/// source with one stage, a pipeline, a test, a README. The folder's name gives the plugin's. Throws Error(request)
/// when the folder exists and is not empty, the name is not `[a-z][a-z0-9_]*`, or a plugin in `known` has it. Returns
/// what to type next.
ESPALIER_API std::string scaffold_plugin(const std::filesystem::path& folder, const Registry& known);

}  // namespace espalier::plugin
