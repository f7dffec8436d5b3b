// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/disk.hpp"

namespace espalier::run {

/// A node's name as a file name. Names that need no change keep theirs; others end in a digest, so that no two collide.
ESPALIER_API std::string safe_file_name(std::string_view node_name);
/// Where a node's log is kept.
ESPALIER_API core::Path log_file(const core::Path& log_folder, std::string_view node_name);

}  // namespace espalier::run
