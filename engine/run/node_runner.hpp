// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "run/artifact_pool.hpp"
#include "run/node_context.hpp"

namespace espalier::run {

/// Runs one node: loads its inputs, calls the stage, checks and stores what it gives. The only place that calls a
/// stage. [any thread]
class NodeRunner {
 public:
  NodeRunner(const RunSetup& setup, Board& board);

  struct Result {
    Outcome outcome;                 ///< Ran, Failed or Stopped; nothing is thrown
    std::vector<Digest> contents{};  ///< when it ran
    int verdict_errors = 0;
  };
  /// Needs: the node's key is on the board.
  Result run(int node, const Seat& seat);
  void release_inputs_of(int node) { pool_.release_inputs_of(node); }

 private:
  struct Made {
    std::vector<ArtifactPtr> artifacts;
    double seconds = 0;
    double cpu_seconds = 0;
  };
  Made make(int node, const Seat& seat, NodeLog& log);
  NodeInputs load_inputs(int node);
  std::vector<Digest> record(int node, const Seat& seat, const Made& made);
  ArtifactPool::Remade make_again(int node);
  int report_verdict_errors(int node, const Made& made, NodeLog& log);

  const RunSetup& setup_;
  Board& board_;
  ArtifactPool pool_;
};

}  // namespace espalier::run
