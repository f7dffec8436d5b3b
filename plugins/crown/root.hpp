// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include <abstract/box.hpp>
#include <abstract/graph.hpp>
#include <abstract/relaxation.hpp>

#include "bounder.hpp"
#include "goal.hpp"
#include "program.hpp"
#include "refine.hpp"

namespace espalier::crown {

/// Everything known about a network on one box, or on the part of it where some neurons have known phases, before it is
/// split further. Borrows the graph and the box.
struct Root {
  abstract::Relaxation relaxation;
  Program program;
  Lines lines;
  int scope = -1;  ///< in the proof, when one is kept
};

struct RootOptions {
  Effort effort{.iterations = 20, .alpha_rate = 0.3F, .beta_rate = 0.1F, .decay = 0.97F};  ///< a row; 0: intervals only
  Refinement refinement{};
  int threads = 1;
  ProofRecorder* proof = nullptr;  ///< keeps what every bound follows from
  std::int64_t case_index = -1;    ///< what the root is there for; -1: all cases
};

/// Bounds every neuron on the box, value by value: intervals first, then for what these leave unstable a row each for
/// its lower and upper side with slopes of its own (Xu et al. 2021), then refine(). `outer` is a root of the same box
/// with fewer phases, or null: what it knows holds here too. Nothing when no input of the box has the phases. When the
/// time is up, the rest is left as it is. Needs: the box is not empty.
std::optional<Root> make_root(const abstract::Graph& graph, const abstract::Box& box, const Phases& phases,
                              const Root* outer, const RootOptions& options, const MayContinue& may_continue);

}  // namespace espalier::crown
