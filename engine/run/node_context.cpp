// SPDX-License-Identifier: Apache-2.0
#include "run/node_context.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::run {
namespace {

constexpr std::int64_t kProgressInterval_ms = 50;

/// A stage that breaks its own description: the author must change it, the user cannot.
[[noreturn]] void blame(const StageSpec& stage, const std::string& text) {
  throw Error(Code::internal, fmt::format("stage '{}' {}", stage.qualified(), text),
              fmt::format("this is a mistake in the plugin '{}': its description and its code differ", stage.plugin));
}

std::vector<std::string> names_of(const std::vector<PortSpec>& ports) {
  std::vector<std::string> names;
  for (const PortSpec& port : ports) names.push_back(port.name);
  return names;
}

std::optional<std::size_t> find_port(const std::vector<PortSpec>& ports, std::string_view name) {
  const auto it = std::find_if(ports.begin(), ports.end(), [&](const PortSpec& port) { return port.name == name; });
  if (it == ports.end()) return std::nullopt;
  return static_cast<std::size_t>(it - ports.begin());
}

std::int64_t now_ms() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;  // a folder left behind is harmless, and a finished node must not fail for it
  if (!made_.empty()) std::filesystem::remove_all(made_, ignored);
}

const core::Path& ScratchFolder::path() {
  if (!made_.empty()) return made_;
  const core::Path root = root_.empty() ? std::filesystem::temp_directory_path() : root_;
  std::error_code ignored;  // mkdtemp gives the reason
  std::filesystem::create_directories(root, ignored);
  std::string name = (root / "espalier-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Error(Code::io, fmt::format("cannot make a scratch folder in '{}': {}", root.string(), std::strerror(errno)),
                "free some space there, or set TMPDIR to a folder with room");
  }
  return made_ = name;
}

NodeContext::NodeContext(Setting setting, NodeLog& log, Observer& observer)
    : setting_(std::move(setting)),
      log_(log),
      observer_(observer),
      scratch_(setting_.scratch_root),
      outputs_(setting_.stage.outputs.size()) {}

std::vector<ArtifactPtr> NodeContext::take_outputs() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!outputs_[i]) blame(setting_.stage, fmt::format("did not set its output '{}'", setting_.stage.outputs[i].name));
  }
  return std::move(outputs_);
}

const std::vector<Gathered>& NodeContext::all(std::string_view port) {
  return setting_.inputs[index_of_input(port)];
}

void NodeContext::progress(double done, double total) {
  // A stage may report every sample; a person or a log needs some twenty a second, and the last one.
  const std::int64_t now = now_ms();
  if (now < next_progress_ms_.load() && done < total) return;
  next_progress_ms_ = now + kProgressInterval_ms;
  observer_.node_progress(setting_.node, done, total);
}

std::size_t NodeContext::index_of_input(std::string_view port) const {
  if (const auto index = find_port(setting_.stage.inputs, port)) return *index;
  blame(setting_.stage, fmt::format("asks for an input '{}' that it does not declare{}", port,
                                    core::did_you_mean(port, names_of(setting_.stage.inputs))));
}

const Artifact& NodeContext::input(std::string_view port, std::string_view kind) {
  const Artifact* artifact = optional_input(port, kind);
  if (artifact != nullptr) return *artifact;
  blame(setting_.stage, fmt::format("asks for its optional input '{}' as if it were always there", port));
}

const Artifact* NodeContext::optional_input(std::string_view port, std::string_view kind) {
  const std::size_t index = index_of_input(port);
  const PortSpec& spec = setting_.stage.inputs[index];
  if (spec.gathers) blame(setting_.stage, fmt::format("asks for one artifact of '{}', which takes a list", port));
  if (spec.kind != kind) {
    blame(setting_.stage, fmt::format("asks for its input '{}' as {}, but declares {}", port, kind, spec.kind));
  }
  const auto& given = setting_.inputs[index];
  return given.empty() ? nullptr : given.front().artifact.get();
}

void NodeContext::set_output(std::string_view port, ArtifactPtr artifact) {
  const auto index = find_port(setting_.stage.outputs, port);
  if (!index) {
    blame(setting_.stage, fmt::format("sets an output '{}' that it does not declare{}", port,
                                      core::did_you_mean(port, names_of(setting_.stage.outputs))));
  }
  const std::string& kind = setting_.stage.outputs[*index].kind;
  if (artifact->kind() != kind) {
    blame(setting_.stage, fmt::format("sets its output '{}' to {}, but declares {}", port, artifact->kind(), kind));
  }
  if (outputs_[*index]) blame(setting_.stage, fmt::format("sets its output '{}' twice", port));
  outputs_[*index] = std::move(artifact);
}

}  // namespace espalier::run
