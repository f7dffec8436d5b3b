// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/store.hpp"
#include "pipeline/plan.hpp"
#include "plugin/registry.hpp"
#include "run/lanes.hpp"
#include "run/observer.hpp"

namespace espalier::run {

struct RunOptions {
  bool fail_fast = false;                          ///< after a failure nothing new starts; what runs may finish
  std::vector<bool> force;                         ///< per node: run even on a hit; empty means none
  bool retry_timeout = false;                      ///< run nodes again whose verdicts hold `timeout`
  bool retry_failed = false;                       ///< run nodes again whose verdicts hold `error`
  std::map<std::string, double> expected_seconds;  ///< by node name; critical-path weights and the estimate
  core::Path log_folder;                           ///< `<node>.log` of every node that logs or fails; empty: none kept
  /// From when on the run's seconds count; what came before it, reading the pipeline say, is part of it.
  std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now();
  core::Path scratch_root;  ///< empty: the system's folder for temporary files
};

struct RunReport {
  std::vector<std::optional<Outcome>> outcomes;  ///< per node; `Stopped` for a node never reached
  std::vector<std::optional<Digest>> keys;       ///< per node, as far as known
  std::vector<std::vector<Digest>> contents;     ///< per node and output, of nodes that are hit or ran
  std::map<int, int> verdict_errors{};           ///< nodes, hit or ran, whose verdicts hold `error`: how many rows
  int hit = 0;
  int ran = 0;
  int failed = 0;
  int skipped = 0;
  int stopped = 0;
  double seconds = 0;
  bool interrupted = false;  ///< the stop token kept nodes from running or finishing
};

/// State of each node as known without running anything.
enum class Known : std::uint8_t { hit, will_run, pending };
struct Resolution {
  std::vector<Known> state;
  std::vector<std::optional<Digest>> keys;
  std::vector<std::optional<cache::Ingredients>>
      ingredients;  ///< of nodes that are not hits but whose inputs are known
  std::vector<std::vector<Digest>> contents;
  std::map<int, Error> problems{};  ///< nodes that will fail at once: a file parameter's file is missing, say
};

/// Looks up every node in topological order without running one; a node below a miss is pending.
ESPALIER_API Resolution resolve(const pipeline::Plan& plan, const plugin::Registry& registry, cache::Store& store,
                                const cache::Surroundings& surroundings, const RunOptions& options);

/// Runs what `resolution` says is not there, on a oneTBB flow graph: one continue node a plan node, one reserving join
/// of a priority queue and a token queue a lane, every body isolated. Failure is data: independent branches go on.
/// Nodes with equal keys are the same work: one runs, the others become hits.
ESPALIER_API RunReport execute(const pipeline::Plan& plan, const plugin::Registry& registry, cache::Store& store,
                               const cache::Surroundings& surroundings, const Lanes& lanes, const RunOptions& options,
                               Resolution resolution, Observer& observer, std::stop_token stop);

}  // namespace espalier::run
