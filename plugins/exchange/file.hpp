// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace espalier::exchange {

inline constexpr std::size_t kMostMessage = std::size_t{1} << 31;  ///< what protocol buffers allow a message
inline constexpr std::size_t kMostText = std::size_t{1} << 28;     ///< a property of a large image has 20 MB

/// The bytes of a file, fewer than `most`, unpacked when they are gzipped. Where there is no `file` but one with ".gz"
/// behind its name, that one is read, as competitions keep their files. Throws Error(missing, io, damaged or
/// unsupported) that names the file.
std::string read_file(const std::filesystem::path& file, std::size_t most);

}  // namespace espalier::exchange
