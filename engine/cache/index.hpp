// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/store.hpp"

namespace espalier::cache {

/// Key -> outputs in one file, so that a run of thousands of nodes need not open thousands of actions, and what each
/// object's file looked like when its bytes were last known to be whole, so that only one that changed is read again.
/// Losing it, or a part of it, costs time and nothing else.
class Index {
 public:
  /// Empty when the bytes are damaged or of another format.
  static Index decode(std::string_view bytes);
  std::string encode() const;

  const std::vector<OutputRef>* find(const Digest& key) const;
  void set(const Digest& key, std::vector<OutputRef> outputs);
  void erase(const Digest& key) { entries_.erase(key); }
  std::vector<Digest> keys() const;
  /// The keys that have `content` as an output.
  std::vector<Digest> keys_with(const Digest& content) const;
  void set_whole(const Digest& content, const core::FileStat& stat) { whole_.insert_or_assign(content, stat); }
  std::optional<core::FileStat> whole(const Digest& content) const;
  /// Takes over what `other` says of keys and objects that are not here yet.
  void add_missing_from(Index other);

 private:
  std::unordered_map<Digest, std::vector<OutputRef>> entries_;
  std::unordered_map<Digest, core::FileStat> whole_;
};

}  // namespace espalier::cache
