// SPDX-License-Identifier: Apache-2.0
#include "run/verdict_check.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace espalier::run {
namespace {

bool is_verdicts(const Artifact& artifact) {
  return artifact.kind() == Verdicts::kKind;
}

const Verdicts& as_verdicts(const Artifact& artifact) {
  return static_cast<const Verdicts&>(artifact);
}

/// The artifact of the only input of that kind; null when there is none, or more than one.
const Artifact* only_input(const StageSpec& stage, const NodeInputs& inputs, std::string_view kind) {
  const Artifact* found = nullptr;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (stage.inputs[i].kind != kind) continue;
    if (found != nullptr || inputs[i].size() != 1) return nullptr;
    found = inputs[i].front().artifact.get();
  }
  return found;
}

bool passes_verdicts_on(const StageSpec& stage) {
  const bool takes = std::any_of(stage.inputs.begin(), stage.inputs.end(),
                                 [](const PortSpec& port) { return port.kind == Verdicts::kKind; });
  return takes && stage.repeatable != Repeatable::budgeted;
}

/// An object that cannot be read holds nothing to report; discarding it makes the next run make it again.
int stored_errors(const RunSetup& setup, const Digest& content) {
  try {
    const ArtifactPtr verdicts = setup.store.load(content, std::string(Verdicts::kKind));
    return static_cast<int>(as_verdicts(*verdicts).counts()[static_cast<std::size_t>(Verdict::error)]);
  } catch (const Error& error) {
    if (error.code() == Code::damaged) setup.store.discard(content);
    setup.observer.warned(fmt::format("{}; run the pipeline again", error.what()));
    return 0;
  }
}

}  // namespace

void check_witnesses(const StageSpec& stage, const NodeInputs& inputs, std::vector<ArtifactPtr>& outputs) {
  const Artifact* network = only_input(stage, inputs, Network::kKind);
  const Artifact* instances = only_input(stage, inputs, Instances::kKind);
  const Artifact* property = only_input(stage, inputs, Property::kKind);
  if (network == nullptr || (instances == nullptr) == (property == nullptr)) return;
  const auto checked = [&](const Verdicts& verdicts) {
    const auto& net = static_cast<const Network&>(*network);
    return instances != nullptr ? with_checked_witnesses(verdicts, net, static_cast<const Instances&>(*instances))
                                : with_checked_witnesses(verdicts, net, static_cast<const Property&>(*property));
  };
  for (ArtifactPtr& output : outputs) {
    if (is_verdicts(*output)) output = std::make_shared<const Verdicts>(checked(as_verdicts(*output)));
  }
}

int own_verdicts(const StageSpec& stage, const std::vector<ArtifactPtr>& outputs, Verdict verdict) {
  if (passes_verdicts_on(stage)) return 0;
  std::int64_t count = 0;
  for (const ArtifactPtr& output : outputs) {
    if (is_verdicts(*output)) count += as_verdicts(*output).counts()[static_cast<std::size_t>(verdict)];
  }
  return static_cast<int>(count);
}

std::map<int, int> verdict_errors_of_hits(const RunSetup& setup, const RunReport& report) {
  std::map<int, int> errors;
  for (int node = 0; node < static_cast<int>(report.outcomes.size()); ++node) {
    const auto i = static_cast<std::size_t>(node);
    const StageSpec& stage = *setup.node(node).stage;
    if (!report.outcomes[i] || !std::holds_alternative<Hit>(*report.outcomes[i]) || passes_verdicts_on(stage)) continue;
    int rows = 0;
    for (std::size_t output = 0; output < stage.outputs.size(); ++output) {
      if (stage.outputs[output].kind == Verdicts::kKind) rows += stored_errors(setup, report.contents[i][output]);
    }
    if (rows > 0) errors[node] = rows;
  }
  return errors;
}

std::optional<std::string> first_error(const std::vector<ArtifactPtr>& outputs) {
  for (const ArtifactPtr& output : outputs) {
    if (!is_verdicts(*output)) continue;
    for (const Verdicts::Row& row : as_verdicts(*output).rows) {
      if (row.verdict == Verdict::error) return fmt::format("image {}: {}", row.image, row.message);
    }
  }
  return std::nullopt;
}

}  // namespace espalier::run
