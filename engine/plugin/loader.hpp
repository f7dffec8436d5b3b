// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "plugin/registry.hpp"

namespace espalier::plugin {

/// A library that was looked at and not taken, with one line that says why and what to do.
struct Refused {
  std::filesystem::path file;
  std::string why;                ///< "FILE: what is wrong; what to do"
  bool named_explicitly = false;  ///< an error then; a warning when found by scanning a folder
};

struct SearchPath {
  std::vector<std::filesystem::path> explicit_files;  ///< `--plugin FILE`
  std::vector<std::filesystem::path> folders;         ///< scanned, sorted, not recursive
};

/// `--plugin-path`, then $ESPALIER_PLUGIN_PATH (colon-separated), then the folder beside the installed or built
/// program.
ESPALIER_API SearchPath search_path(const std::vector<std::string>& from_command_line);

/// Looks at every candidate: reads the ABI mark from the bytes, compares all fields, checks the specs, refuses by name.
/// Libraries seen before (same path, size, mtime and engine ABI) are described from a cache under
/// $XDG_CACHE_HOME/espalier and loaded only when one of their stages runs, so that a command that runs nothing never
/// loads LibTorch.
ESPALIER_API std::vector<Refused> load_plugins(const SearchPath& path, Registry& registry);

/// Where CMake finds the package of this very engine, built or installed: the value for espalier_DIR.
ESPALIER_API std::filesystem::path package_folder();

}  // namespace espalier::plugin
