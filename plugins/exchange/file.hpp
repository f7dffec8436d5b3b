// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace espalier::exchange {

inline constexpr std::size_t kMostMessage = std::size_t{1} << 31;  ///< what protocol buffers allow a message
inline constexpr std::size_t kMostText = std::size_t{1} << 28;     ///< a property of a large image has 20 MB

/// The file that a name stands for: where there is none of it, but one with ".gz" behind, that one, as competitions
/// keep their files.
std::filesystem::path plain_or_packed(const std::filesystem::path& file);

/// The bytes of the file or pipe that `file` stands for, fewer than `most`, unpacked when they are gzipped. Throws
/// Error(missing, io, damaged, unsupported, or request for a folder or a device) that names the file.
std::string read_file(const std::filesystem::path& file, std::size_t most);

}  // namespace espalier::exchange
