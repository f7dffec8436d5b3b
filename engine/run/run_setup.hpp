// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "run/scheduler.hpp"

namespace espalier::run {

/// What every part of a run needs; all of it outlives the run.
struct RunSetup {
  const pipeline::Plan& plan;
  const plugin::Registry& registry;
  cache::Store& store;
  const cache::Surroundings& surroundings;
  const Lanes& lanes;
  const RunOptions& options;
  Observer& observer;
  std::stop_token stop;

  const pipeline::PlanNode& node(int index) const { return plan.nodes()[static_cast<std::size_t>(index)]; }
};

}  // namespace espalier::run
