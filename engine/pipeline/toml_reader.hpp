// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "pipeline/node.hpp"

namespace espalier::pipeline {

struct TomlText {
  Node root;          ///< always a Node::Table
  bool whole = true;  ///< false when a part could not be parsed and was left out
};

/// Parses TOML into nodes with places, in the order of the file. Every syntax error is a finding; after one, the
/// section it lies in is left out and the rest is read.
TomlText read_toml(const std::string& file, std::string_view text, Diagnostics& findings);

}  // namespace espalier::pipeline
