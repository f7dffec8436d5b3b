// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include <abstract/box.hpp>
#include <abstract/graph.hpp>
#include <abstract/relaxation.hpp>

#include "bounder.hpp"
#include "goal.hpp"
#include "program.hpp"
#include "refine.hpp"

namespace espalier::crown {

/// Everything known about a network on one box before any case is split. Borrows the graph and the box.
struct Root {
  abstract::Relaxation relaxation;
  Program program;
  Lines lines;
};

/// Bounds every neuron on the box, value by value: intervals first, then for what these leave unstable a row each for
/// its lower and upper side with slopes of its own (Xu et al. 2021). Needs: the box is not empty. When the time is up,
/// the rest is left as intervals know it.
Root make_root(const abstract::Graph& graph, const abstract::Box& box, const Effort& effort,
               const Refinement& refinement, int threads, const MayContinue& may_continue);

}  // namespace espalier::crown
