// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "core/disk.hpp"

namespace espalier::cli {

/// Files that the command line names, unlike those of a store. An empty name stands for none.
///
/// Before the work whose result goes there: refuses a file in a folder that does not exist, and a folder. Throws
/// Error(request).
void require_output_file(const core::Path& file);
/// The same of several, which are also refused where one of them is another, or one of `inputs`: under whatever name.
void require_output_files(std::span<const core::Path> files, std::span<const core::Path> inputs);

/// Before an answer that may not write the file again: what an earlier one left there would pass for part of it. Leaves
/// links, devices, pipes and this program's own output. Throws Error(io).
void remove_output_file(const core::Path& file);

/// Follows links and replaces the file at their end, whole. What is no plain file, a device or a pipe, is written into;
/// so is what this program's own output goes to. Throws Error(request) as above and Error(io).
void write_output_file(const core::Path& file, std::string_view bytes);

}  // namespace espalier::cli
