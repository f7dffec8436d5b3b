// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace espalier::exchange {

/// The bytes of a file, unpacked when they are gzipped. Where there is no `file` but one with ".gz" behind its name,
/// that one is read, as competitions keep their files. Throws Error(missing, io or damaged) that names the file.
std::string read_file(const std::filesystem::path& file);

}  // namespace espalier::exchange
