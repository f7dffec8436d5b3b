// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "box.hpp"
#include "graph.hpp"
#include "relaxation.hpp"

namespace espalier::abstract {

/// Asked before every piece of work that may take long (some milliseconds): false ends it.
using MayContinue = std::function<bool()>;

/// Interval arithmetic (Moore 1966): every operation on ranges.
Relaxation intervals(const Graph& graph, const Box& box);

/// May tighten the last value of a relaxation, by what else is known.
using Refine = std::function<void(Relaxation&)>;

/// DeepPoly (Singh, Gehr, Püschel, Vechev 2019): the same, but the inputs of ReLUs that intervals leave unstable are
/// bounded again by back substitution to the input, layer by layer, and by `refine` if there is one. Never wider than
/// the intervals. Nothing when it was told to end.
std::optional<Relaxation> deeppoly(const Graph& graph, const Box& box, const MayContinue& may_continue,
                                   const Refine& refine = {});

}  // namespace espalier::abstract
