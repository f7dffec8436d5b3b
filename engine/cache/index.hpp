// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cache/store.hpp"

namespace espalier::cache {

/// Key -> outputs in one file, so that a run of thousands of nodes need not open thousands of actions. It only repeats
/// what the actions say: losing it, or a part of it, costs time and nothing else.
class Index {
 public:
  /// Empty when the bytes are damaged or of another format.
  static Index decode(std::string_view bytes);
  std::string encode() const;

  const std::vector<OutputRef>* find(const Digest& key) const;
  void set(const Digest& key, std::vector<OutputRef> outputs);
  void erase(const Digest& key) { entries_.erase(key); }
  /// The keys that have `content` as an output.
  std::vector<Digest> keys_with(const Digest& content) const;
  /// Takes over the entries of `other` whose keys are not here yet.
  void add_missing_from(Index other) { entries_.merge(other.entries_); }
  std::size_t size() const { return entries_.size(); }

 private:
  std::unordered_map<Digest, std::vector<OutputRef>> entries_;
};

}  // namespace espalier::cache
