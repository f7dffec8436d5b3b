// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/stage.hpp>

#include "plugin/registry.hpp"
#include "run/lanes.hpp"
#include "run/node_context.hpp"

namespace espalier::cli {

struct Options;

/// Threads and device as the command line wants them; says on stderr where fewer threads make sense. Throws
/// Error(request) for a device that is not here.
run::Seat seat_for(const StageSpec& stage, const Options& options);

/// One stage run on its own, in this process: no pipeline, no store, no keys. Also the stage's Context.
class StageCall final : public Context {
 public:
  /// Throws Error(request) when no plugin offers the stage.
  StageCall(const plugin::Registry& registry, const std::string& stage);

  const StageSpec& stage() const { return stage_; }
  bool has_param(std::string_view name) const { return params_.contains(name); }
  /// Needs: the stage has the parameter, of that type.
  void set(std::string_view name, Value value);
  void give(std::string_view port, ArtifactPtr artifact);
  void sit(run::Seat seat) { seat_ = std::move(seat); }
  void stop_when(std::function<bool()> stopped) { stopped_ = std::move(stopped); }

  /// Calls the stage's body once. Throws what it throws.
  void run();

  /// An output; null when the stage has none of that name and kind.
  template <ArtifactType T>
  std::shared_ptr<const T> result(std::string_view port) const {
    const auto it = outputs_.find(port);
    if (it == outputs_.end() || it->second->kind() != T::kKind) return nullptr;
    return std::static_pointer_cast<const T>(it->second);
  }

  /// An output of any kind; null when the stage has none of that name.
  ArtifactPtr artifact(std::string_view port) const {
    const auto it = outputs_.find(port);
    return it == outputs_.end() ? nullptr : it->second;
  }

  const std::vector<Gathered>& all(std::string_view port) override;
  int threads() const override { return seat_.threads; }
  std::string_view device() const override { return seat_.device; }
  bool stop_requested() const override { return stopped_ && stopped_(); }
  void log(std::string_view) override {}
  void progress(double, double) override {}
  const std::filesystem::path& scratch() override { return scratch_.path(); }
  const std::filesystem::path& folder() const override { return folder_; }

 private:
  const Artifact& input(std::string_view port, std::string_view kind) override;
  const Artifact* optional_input(std::string_view port, std::string_view kind) override;
  void set_output(std::string_view port, ArtifactPtr artifact) override;

  const plugin::Registry& registry_;
  const StageSpec& stage_;
  ParamValues params_;
  std::map<std::string, std::vector<Gathered>, std::less<>> inputs_;
  std::map<std::string, ArtifactPtr, std::less<>> outputs_;
  run::Seat seat_;
  std::function<bool()> stopped_;
  run::ScratchFolder scratch_{{}};
  std::filesystem::path folder_ = std::filesystem::current_path();
};

}  // namespace espalier::cli
