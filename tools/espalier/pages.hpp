// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "options.hpp"

namespace CLI {
class App;
}

namespace espalier::cli {

/// What `--help` ends with: exit codes and environment.
std::string footer_text();

/// The man page, or the completion script of a shell, made from the definitions of the commands.
int pages_command(const CLI::App& app, const Options& options);

/// What a shell asks while a command line is typed: one candidate a line; none where a file may stand.
int complete_command(const CLI::App& app, const Options& options);

}  // namespace espalier::cli
