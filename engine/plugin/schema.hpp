// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "plugin/registry.hpp"

namespace espalier::plugin {

/// JSON Schema (draft 4, the subset Taplo supports) of the pipeline language with the registry's stages; ends in '\n'.
ESPALIER_API std::string pipeline_schema(const Registry& registry);
/// The reference of all stages as Markdown.
ESPALIER_API std::string stage_reference(const Registry& registry);
/// One stage for the terminal: ports, parameters, ranges, defaults, an example section to paste.
ESPALIER_API std::string describe_stage(const StageSpec& stage);

}  // namespace espalier::plugin
