// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <optional>
#include <stop_token>
#include <vector>

#include "run/lanes.hpp"
#include "run/node_log.hpp"

namespace espalier::run {

/// The artifacts of a node's input ports, parallel to StageSpec::inputs.
using NodeInputs = std::vector<std::vector<Gathered>>;

/// A folder made when it is asked for and removed with everything in it.
class ESPALIER_API ScratchFolder {
 public:
  /// An empty root means the system's folder for temporary files.
  explicit ScratchFolder(core::Path root) : root_(std::move(root)) {}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const core::Path& path();

 private:
  core::Path root_;
  core::Path made_;
};

/// What a stage sees of the engine during one call; checks what it asks for and what it sets against its spec.
class NodeContext final : public Context {
 public:
  struct Setting {
    const StageSpec& stage;
    const NodeInputs& inputs;
    int node = 0;
    Seat seat;
    std::stop_token stop;
    core::Path scratch_root;
    core::Path folder;
  };
  NodeContext(Setting setting, NodeLog& log, Observer& observer);

  /// What the stage set, in the order of its output ports. Throws Error when one was left out.
  std::vector<ArtifactPtr> take_outputs();

  const std::vector<Gathered>& all(std::string_view port) override;
  int threads() const override { return setting_.seat.threads; }
  std::string_view device() const override { return setting_.seat.device; }
  bool stop_requested() const override { return setting_.stop.stop_requested(); }
  void log(std::string_view line) override { log_.line(line); }
  void progress(double done, double total) override;
  const std::filesystem::path& scratch() override { return scratch_.path(); }
  const std::filesystem::path& folder() const override { return setting_.folder; }

 private:
  const Artifact& input(std::string_view port, std::string_view kind) override;
  const Artifact* optional_input(std::string_view port, std::string_view kind) override;
  void set_output(std::string_view port, ArtifactPtr artifact) override;

  /// The index of an input of that name. Throws Error when the stage did not declare it.
  std::size_t index_of_input(std::string_view port) const;

  Setting setting_;
  NodeLog& log_;
  Observer& observer_;
  ScratchFolder scratch_;
  std::vector<ArtifactPtr> outputs_;
  std::atomic<std::int64_t> next_progress_ms_ = 0;
};

}  // namespace espalier::run
