// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/axis_history.hpp"
#include "cache/fingerprint.hpp"
#include "cache/run_log.hpp"
#include "cache/store.hpp"
#include "core/disk.hpp"
#include "options.hpp"
#include "pipeline/document.hpp"
#include "pipeline/plan.hpp"
#include "plugin/loader.hpp"
#include "plugin/registry.hpp"
#include "run/lanes.hpp"
#include "run/scheduler.hpp"

namespace espalier::cli {

/// Plugins and store, for commands that need no pipeline.
struct Workshop {
  Workshop(const Options& options, const core::Path& store_folder);
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  core::RealDisk disk;
  plugin::Registry registry;
  std::vector<plugin::Refused> refused;
  cache::Store store;
  cache::RunLog runs;

  /// Whether anything was ever kept there.
  bool has_store();
  /// A note on stderr when nothing was, for commands that would otherwise show nothing.
  void say_when_empty();
};

/// A run by its id, or by an unambiguous part of it. Throws Error(request).
cache::RunRecord find_run(Workshop& workshop, const std::string& wanted);

/// A file that the command line names; nothing when there is none. One that cannot be read is a wrong request.
std::optional<std::string> requested_text(core::Disk& disk, const std::string& file);

/// A pipeline that was read and checked, with everything needed to resolve or run it.
class Session {
 public:
  /// Reads, checks and plans. When something is wrong, says all of it on stderr and gives nothing.
  static std::unique_ptr<Session> open(const Options& options);
  /// The same; what was printed is also appended to `findings`.
  static std::unique_ptr<Session> open(const Options& options, Diagnostics& findings);

  Workshop workshop;
  pipeline::Document document;
  pipeline::Plan plan;
  run::Lanes lanes;
  cache::Surroundings surroundings;
  run::RunOptions run_options;

  run::Resolution resolve();
  /// The newest run of the pipeline, read when it is first asked for.
  const std::optional<cache::RunRecord>& last_run();
  /// The ingredients that the result of that name had the last time the pipeline ran, if that is known.
  std::optional<cache::Ingredients> last_ingredients(const std::string& name);
  /// What a node without a result was the last time the pipeline ran, when only values of its axes are others.
  std::optional<cache::AxisHistory::Former> former(int node);

 private:
  Session(const Options& options, const core::Path& folder);
  std::optional<cache::RunRecord> last_run_;
  bool last_run_read_ = false;
  std::optional<cache::AxisHistory> axis_history_;
};

/// "prune.neurons.np will run:" and the reasons, each with its place when a parameter is the reason.
std::string why(Session& session, const run::Resolution& resolution, int node);

}  // namespace espalier::cli
