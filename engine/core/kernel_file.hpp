// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <espalier/abi.hpp>

namespace espalier::core {

/// All that a file of /proc or /sys tells; empty where there is none. A process may end and a device go away while its
/// file is read: what was read until then.
ESPALIER_API std::string read_kernel_file(const std::filesystem::path& file);

}  // namespace espalier::core
