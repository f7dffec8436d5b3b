// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "plugin/spec_text.hpp"

namespace espalier::plugin {

/// What is known of a library without loading it.
struct Described {
  PluginSpec spec;  ///< without functions
  std::string file_digest;
  std::string torch;
};

/// Descriptions of libraries seen before, one small file each, so that most commands load no plugin at all. Only ever a
/// short cut: a cache that cannot be read or written is as good as an empty one, and nobody needs to hear of it.
class SpecCache {
 public:
  /// `engine` names the engine's build: another engine does not believe what this one wrote.
  explicit SpecCache(std::string engine);

  /// Path, size, time and engine in one text; nothing when the file is not there. Take it before reading the file, so
  /// that a change meanwhile makes the entry stale and not wrong.
  std::optional<std::string> key(const std::filesystem::path& file) const;
  std::optional<Described> find(const std::filesystem::path& file, const std::string& key) const;
  void keep(const std::filesystem::path& file, const std::string& key, const Described& described) const;

 private:
  std::filesystem::path entry(const std::filesystem::path& file) const;
  std::string engine_;
  std::optional<std::filesystem::path> folder_;  ///< nothing: no home folder, no cache
};

}  // namespace espalier::plugin
