// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "run/node_runner.hpp"

namespace espalier::run {

/// Who may run, and what became of whom: the scheduler without its threads. [any thread]
class Ledger {
 public:
  Ledger(const RunSetup& setup, Board& board);

  struct Ready {
    bool must_run = false;
    std::vector<int> settled;  ///< nodes whose outcome became known just now
  };
  /// All predecessors of the node are settled. Computes its key; a result that is there, a failure above it or a
  /// stopped run settles it. Neither `must_run` nor settled: another node with the same key is on it, and will settle
  /// this one.
  Ready becomes_ready(int node) noexcept;
  /// Whether the node may run now, just before it does.
  bool begin(int node);
  /// Notes the outcome; gives the nodes it settles: this one, and those that waited for the same key.
  std::vector<int> finish(int node, NodeRunner::Result result);

  RunReport report() const;

 private:
  /// Nodes with one key: the first to come runs.
  struct Claim {
    int owner = 0;
    bool done = false;
    std::vector<int> waiting{};
  };

  bool halted() const;
  std::optional<Outcome> outcome_from_above(int node) const;
  bool claim(int node, const Digest& key, Ready& ready);
  void settle(int node, Outcome outcome, std::vector<Digest> contents);
  void settle_like(int owner, int node);

  const RunSetup& setup_;
  Board& board_;
  mutable std::mutex mutex_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::map<Digest, Claim> claims_;
  std::map<int, int> verdict_errors_;
  bool something_failed_ = false;
};

}  // namespace espalier::run
