// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <abstract/rounding.hpp>

#include "bounder.hpp"
#include "domain.hpp"
#include "goal.hpp"
#include "proof_recorder.hpp"

namespace espalier::crown {

/// How far single neurons are bounded by splitting the ones before them.
struct Refinement {
  int rounds = 0;  ///< 0: not at all
  int width = 2;   ///< domains split in a round, a side of a neuron
  int candidates = 2;
  Effort effort{.iterations = 4, .alpha_rate = 0.1F, .beta_rate = 0.1F};
};

/// Where in a proof bounds of neurons go.
struct NeuronRecord {
  ProofRecorder* proof = nullptr;  ///< null: nowhere
  int scope = -1;
  int value = 0;  ///< of the graph, the one that is refined
};

/// Bounds elements of a value before its ReLU by branch and bound over the neurons before it, a few rounds on the worst
/// domains of each side: what complete verifiers for small networks buy from a MIP solver, batched. A side that does
/// not cross 0 needs no more. `known` holds certified bounds and gets better ones.
void refine(const Program& program, const Lines& lines, int place, std::span<const std::size_t> elements,
            std::span<abstract::Interval> known, const Refinement& how, int threads, const MayContinue& may_continue,
            const NeuronRecord& record);

}  // namespace espalier::crown
