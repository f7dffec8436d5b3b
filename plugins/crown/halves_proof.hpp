// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <abstract/graph.hpp>

#include <espalier/network.hpp>

#include "goal.hpp"
#include "proof_recorder.hpp"

namespace espalier::crown {

/// A question about a network of few inputs that a search by boxes has answered: no input of the box shows a case.
struct FewInputs {
  const Network& network;
  const abstract::Graph& graph;
  std::span<const Case> cases;
  std::vector<std::int64_t> numbers;  ///< the property's, of the cases
  InputBox box;
};

/// Records why: what box_search() rests on is more than a proof can say, so the box is halved again until bounds and a
/// short search by phases are enough for every part. False when told to end.
bool prove_by_halves(const FewInputs& question, ProofRecorder& proof, const MayContinue& may_continue);

}  // namespace espalier::crown
