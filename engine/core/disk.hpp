// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/error.hpp>

namespace espalier::core {

using Path = std::filesystem::path;

struct FileStat {
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const FileStat&, const FileStat&) = default;
};

/// Where bytes live. RealDisk talks to the kernel; the tests' MemoryDisk to a map, and can fail at the n-th call.
/// Every failure is Error(io) that names the path, the system's reason and the next step. [any thread]
class ESPALIER_API Disk {
 public:
  virtual ~Disk() = default;
  /// Nothing when there is no such file.
  virtual std::optional<std::string> read(const Path& path) = 0;
  /// Readers see the old content or the new, never a part: temporary file beside it, fsync, rename. Makes folders.
  virtual void write_atomically(const Path& path, std::string_view bytes) = 0;
  /// One write at the end of the file; makes it and its folders.
  virtual void append(const Path& path, std::string_view bytes) = 0;
  virtual std::optional<FileStat> stat(const Path& path) = 0;
  /// Whether there was something to remove.
  virtual bool remove(const Path& path) = 0;
  /// Names in a folder, sorted; none when there is no such folder.
  virtual std::vector<std::string> list(const Path& folder) = 0;
};

class ESPALIER_API RealDisk final : public Disk {
 public:
  std::optional<std::string> read(const Path& path) override;
  void write_atomically(const Path& path, std::string_view bytes) override;
  void append(const Path& path, std::string_view bytes) override;
  std::optional<FileStat> stat(const Path& path) override;
  bool remove(const Path& path) override;
  std::vector<std::string> list(const Path& folder) override;
};

}  // namespace espalier::core
