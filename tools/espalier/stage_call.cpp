// SPDX-License-Identifier: Apache-2.0
#include "stage_call.hpp"

#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "core/text.hpp"
#include "options.hpp"

namespace espalier::cli {
namespace {

const StageSpec& found(const plugin::Registry& registry, const std::string& name) {
  if (const StageSpec* stage = registry.find_stage(name)) return *stage;
  std::vector<std::string> names;
  for (const StageSpec* stage : registry.stages()) names.push_back(stage->qualified());
  throw Error(Code::request, fmt::format("there is no stage '{}'{}", name, core::did_you_mean(name, names)),
              "see stages with: espalier list, and refused plugins with: espalier list --plugins");
}

}  // namespace

run::Seat seat_for(const StageSpec& stage, const Options& options) {
  const run::Lanes lanes = run::default_lanes(0);
  run::Seat seat{.threads = options.threads > 0 ? options.threads : lanes.cores};
  const auto gpu = lanes.by_name.find("gpu");
  const bool has_gpu = gpu != lanes.by_name.end() && !gpu->second.devices.empty();
  if (options.device == "cuda" && !has_gpu) {
    throw Error(Code::request, "there is no CUDA device here", "use --device auto, or cpu");
  }
  if (options.device == "cuda" || (options.device == "auto" && stage.uses_device && has_gpu)) {
    seat.device = gpu->second.devices.front();
  }
  return seat;
}

StageCall::StageCall(const plugin::Registry& registry, const std::string& stage)
    : registry_(registry), stage_(found(registry, stage)) {
  for (const ParamSpec& param : stage_.params) params_.emplace(param.name, param.fallback);
}

void StageCall::set(std::string_view name, Value value) {
  const auto param = params_.find(name);
  if (param == params_.end() || param->second.type() != value.type()) {
    throw Error(Code::request, fmt::format("stage '{}' has no parameter '{}' of type {}", stage_.qualified(), name,
                                           to_text(value.type())));
  }
  param->second = std::move(value);
}

void StageCall::give(std::string_view port, ArtifactPtr artifact) {
  inputs_[std::string(port)].push_back({.artifact = std::move(artifact), .labels = {}});
}

void StageCall::run() {
  registry_.body(stage_)(params_, *this);
}

const std::vector<Gathered>& StageCall::all(std::string_view port) {
  return inputs_[std::string(port)];
}

const Artifact* StageCall::optional_input(std::string_view port, std::string_view kind) {
  const auto it = inputs_.find(port);
  if (it == inputs_.end()) return nullptr;
  const Artifact* artifact = it->second.front().artifact.get();
  if (artifact->kind() == kind) return artifact;
  throw Error(Code::internal, fmt::format("stage '{}' asks for its input '{}' as {}, but it is {}", stage_.qualified(),
                                          port, kind, artifact->kind()));
}

const Artifact& StageCall::input(std::string_view port, std::string_view kind) {
  if (const Artifact* artifact = optional_input(port, kind)) return *artifact;
  throw Error(Code::request,
              fmt::format("stage '{}' needs an input '{}' that it cannot have here", stage_.qualified(), port));
}

void StageCall::set_output(std::string_view port, ArtifactPtr artifact) {
  outputs_.insert_or_assign(std::string(port), std::move(artifact));
}

}  // namespace espalier::cli
