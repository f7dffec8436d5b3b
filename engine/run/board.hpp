// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "run/run_setup.hpp"

namespace espalier::run {

/// Keys and contents of the nodes as far as they are known. A slot is written once, before anything that depends on its
/// node starts, so slots of finished nodes are read without a lock.
class Board {
 public:
  Board(const RunSetup& setup, Resolution resolution);

  struct Keyed {
    Digest key;
    cache::Ingredients ingredients;
  };
  /// Computes and notes a node's key. Throws Error when a file parameter's file is missing. Needs: the contents of all
  /// its predecessors are known. [any thread]
  const Keyed& compute_key(int node);

  const std::optional<Keyed>& keyed(int node) const { return keyed_[static_cast<std::size_t>(node)]; }
  const std::optional<Digest>& key(int node) const { return keys_[static_cast<std::size_t>(node)]; }
  const std::vector<Digest>& contents(int node) const { return contents_[static_cast<std::size_t>(node)]; }
  void set_contents(int node, std::vector<Digest> contents) {
    contents_[static_cast<std::size_t>(node)] = std::move(contents);
  }
  bool was_hit(int node) const { return state_[static_cast<std::size_t>(node)] == Known::hit; }

  const std::vector<std::optional<Digest>>& all_keys() const { return keys_; }
  const std::vector<std::vector<Digest>>& all_contents() const { return contents_; }

 private:
  const RunSetup& setup_;
  std::mutex mutex_;  // file digests are remembered by the surroundings, without a lock of their own
  std::vector<Known> state_;
  std::vector<std::optional<Digest>> keys_;
  std::vector<std::optional<Keyed>> keyed_;
  std::vector<std::vector<Digest>> contents_;
};

}  // namespace espalier::run
