// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <espalier/stage.hpp>

#include "pipeline/document.hpp"

namespace espalier::pipeline {

/// The node as a value of the parameter's type and within its limits; else nothing, and findings. An integer is taken
/// where a real is wanted, never the reverse. `owner` is the stage, for messages.
std::optional<Value> checked_value(const Node& node, const ParamSpec& spec, const std::string& owner,
                                   Diagnostics& findings);

/// Makes the paths of a `.file()` parameter absolute; an empty text stays empty.
Value resolved_file(const Value& value, const std::filesystem::path& folder);

}  // namespace espalier::pipeline
