// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/plan.hpp"
#include "run/lanes.hpp"
#include "run/scheduler.hpp"

namespace espalier::run {

/// What is expected of the nodes that are not hits.
struct Estimate {
  std::vector<double> seconds;   ///< per node, from earlier runs; 0 for hits and what is not known
  std::vector<double> priority;  ///< length of the longest path from the node's start to the end of the graph
  double total = 0;              ///< the whole run; 0 when nothing is known
};

/// Where a node's time is not known, the mean of the known ones stands in; without any, priorities count nodes (depth).
ESPALIER_API Estimate estimate(const pipeline::Plan& plan, const std::vector<Known>& state, const Lanes& lanes,
                               const std::map<std::string, double>& expected_seconds);

}  // namespace espalier::run
