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

}  // namespace

void check_witnesses(const StageSpec& stage, const NodeInputs& inputs, std::vector<ArtifactPtr>& outputs) {
  const Artifact* network = only_input(stage, inputs, Network::kKind);
  const Artifact* instances = only_input(stage, inputs, Instances::kKind);
  if (network == nullptr || instances == nullptr) return;
  for (ArtifactPtr& output : outputs) {
    if (!is_verdicts(*output)) continue;
    output = std::make_shared<const Verdicts>(with_checked_witnesses(
        as_verdicts(*output), static_cast<const Network&>(*network), static_cast<const Instances&>(*instances)));
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
