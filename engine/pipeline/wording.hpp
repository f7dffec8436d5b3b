// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/document.hpp"

namespace espalier::pipeline {

/// `[a-z][a-z0-9_]*`
bool is_name(std::string_view text);
/// "did you mean 'rate'?", or nothing when no candidate is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates);
/// The same; when none is near, which there are: "THERE_ARE 'net' and 'set'".
std::string suggestion(std::string_view word, const std::vector<std::string>& candidates, std::string_view there_are);
/// The same for the names of axes.
std::string axis_suggestion(std::string_view word, const std::vector<std::string>& axes);
/// The same for the names of nodes; when none is near, which there are.
std::string node_suggestion(std::string_view word, const std::vector<std::string>& nodes);
/// What a TOML value is, for messages: "text 'abc'", "real 0.5", "a table".
std::string described(const Node& node);

}  // namespace espalier::pipeline
