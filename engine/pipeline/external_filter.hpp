// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace espalier::pipeline {

/// Runs a program found in $PATH, without a shell, with `input` as its standard input; gives its standard output.
/// Throws Error(missing) with `if_missing` as hint when there is no such program, Error(io) with the last line of its
/// standard error when it fails.
std::string filter_through(const std::vector<std::string>& command, std::string_view input,
                           const std::string& if_missing);

}  // namespace espalier::pipeline
