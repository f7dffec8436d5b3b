// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "run/board.hpp"

namespace espalier::run {

/// The artifacts of a run in memory: kept while nodes that take them have still to run, loaded from the store when they
/// are not there. A damaged or missing object is made again by its producer, at most once a run. [any thread]
class ArtifactPool {
 public:
  /// Runs a node again and stores what it gives; throws when it fails.
  struct Remade {
    std::vector<ArtifactPtr> artifacts;
    std::vector<Digest> contents;
  };
  using Remake = std::function<Remade(int node)>;

  ArtifactPool(const RunSetup& setup, const Board& board, Remake remake);

  ArtifactPtr take(const pipeline::Source& source);
  /// The outputs of a node that just ran.
  void keep(int node, std::vector<ArtifactPtr> artifacts);
  /// The node takes nothing any more: lets go of what no other node waits for.
  void release_inputs_of(int node);

 private:
  struct Slot {
    std::mutex mutex;                    // held while loading or re-making, so that it happens once
    std::vector<ArtifactPtr> artifacts;  // by output; null: not in memory
    int waiting = 0;                     // consumers that have still to run
    std::optional<Error> broken;         // why it could not be made again
  };

  void make_again(int node, Slot& slot, const Error& why, const Digest& content);

  const RunSetup& setup_;
  const Board& board_;
  Remake remake_;
  std::deque<Slot> slots_;
};

}  // namespace espalier::run
