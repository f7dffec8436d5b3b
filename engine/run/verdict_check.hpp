// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/results.hpp>

#include "run/node_context.hpp"

namespace espalier::run {

/// Replays the counterexamples of a stage that answers one Instances or one Property about one Network, before anything
/// is stored: what is in the store as a counterexample is one. Outputs of other stages stay as they are.
void check_witnesses(const StageSpec& stage, const NodeInputs& inputs, std::vector<ArtifactPtr>& outputs);

/// How many rows of a node's outputs are of that verdict. A stage that passes on the verdicts it was given (one that
/// takes Verdicts and is not `budgeted` itself) has none of its own.
int own_verdicts(const StageSpec& stage, const std::vector<ArtifactPtr>& outputs, Verdict verdict);

/// Nodes whose stored verdicts hold `error`, of those that were up to date: a warm run must say so like the cold one.
std::map<int, int> verdict_errors_of_hits(const RunSetup& setup, const RunReport& report);

/// "image 17: the witness lies outside the box", for the first row that is `error`.
std::optional<std::string> first_error(const std::vector<ArtifactPtr>& outputs);

}  // namespace espalier::run
