// SPDX-License-Identifier: Apache-2.0
#include "stage_call.hpp"

#include <algorithm>
#include <cstdio>
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

/// No more than there are cores: others would only wait, and take memory.
int threads_for(const Options& options, int cores) {
  if (options.threads == 0) return cores;
  if (options.threads > cores) {
    fmt::print(stderr, "note: {} threads are used of {}, one a core\n", cores, options.threads);
  }
  return std::min(options.threads, cores);
}

}  // namespace

run::Seat seat_for(const StageSpec& stage, const Options& options) {
  const run::Lanes lanes = run::default_lanes(0);
  run::Seat seat{.threads = threads_for(options, lanes.cores)};
  if (!options.device.starts_with("cuda") && options.device != "auto") return seat;  // some way or other on the CPU
  const auto gpu = lanes.by_name.find("gpu");
  if (gpu == lanes.by_name.end()) {
    if (options.device == "auto") return seat;
    throw Error(Code::request, fmt::format("device '{}' cannot be used: {}", options.device, lanes.why_no_gpu),
                "the devices here are: auto, cpu");
  }
  const std::vector<std::string>& devices = gpu->second.devices;
  const std::string wanted = options.device == "auto" || options.device == "cuda" ? devices.front() : options.device;
  if (std::ranges::find(devices, wanted) == devices.end()) {
    throw Error(Code::request, fmt::format("there is no device '{}'", wanted),
                fmt::format("the devices here are: auto, cpu, {}", core::quoted_list(devices)));
  }
  if (options.device != "auto" || stage.uses_device) seat.device = wanted;
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
