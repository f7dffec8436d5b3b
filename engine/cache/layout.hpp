// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <espalier/digest.hpp>

#include "core/disk.hpp"

namespace espalier::cache {

/// Where a store keeps things. Names are part of the format that other tools read: do not change them.
class Layout {
 public:
  explicit Layout(core::Path root);

  const core::Path& root() const { return root_; }
  core::Path objects() const { return objects_; }
  core::Path actions() const { return actions_; }
  core::Path index() const { return actions_ + "/index"; }
  /// Damaged objects that were moved aside, for whoever wants to know what happened to them.
  core::Path damaged() const { return objects_ + "/damaged"; }
  core::Path damaged(const Digest& content) const { return damaged() / (content.hex() + ".h5"); }
  core::Path object(const Digest& content) const { return file(objects_, content, ".h5"); }
  core::Path action(const Digest& key) const { return file(actions_, key, ".json"); }

  static std::optional<Digest> object_named(std::string_view name) { return digest_in(name, ".h5"); }
  static std::optional<Digest> action_named(std::string_view name) { return digest_in(name, ".json"); }
  /// The process that made this temporary file of a `Disk`; nothing when the name is not one's.
  static std::optional<int> temporary_of(std::string_view name);

 private:
  static core::Path file(const std::string& folder, const Digest& digest, std::string_view ending);
  static std::optional<Digest> digest_in(std::string_view name, std::string_view ending);

  core::Path root_;
  std::string objects_;  // text: joining paths part by part is what a lookup would spend its time on
  std::string actions_;
};

}  // namespace espalier::cache
