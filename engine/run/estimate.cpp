// SPDX-License-Identifier: Apache-2.0
#include "run/estimate.hpp"

#include <algorithm>

namespace espalier::run {
namespace {

struct Mean {
  double sum = 0;
  int count = 0;
  double or_one() const { return count == 0 ? 1 : sum / count; }
};

/// No schedule is shorter than its longest path, nor than its work spread evenly over the tokens.
double shortest_schedule(const pipeline::Plan& plan, const std::vector<double>& work, const std::vector<double>& paths,
                         const Lanes& lanes) {
  std::map<std::string, double> by_lane;
  for (std::size_t i = 0; i < work.size(); ++i) by_lane[lanes.of(plan.nodes()[i]).name] += work[i];
  double longest = paths.empty() ? 0 : *std::max_element(paths.begin(), paths.end());
  for (const auto& [name, sum] : by_lane) longest = std::max(longest, sum / lanes.by_name.at(name).tokens);
  return longest;
}

}  // namespace

Estimate estimate(const pipeline::Plan& plan, const std::vector<Known>& state, const Lanes& lanes,
                  const std::map<std::string, double>& expected_seconds) {
  const std::size_t count = plan.nodes().size();
  Estimate result{.seconds = std::vector<double>(count), .priority = std::vector<double>(count)};
  std::vector<bool> known(count);
  Mean mean;
  for (std::size_t i = 0; i < count; ++i) {
    if (state[i] == Known::hit) continue;
    const auto found = expected_seconds.find(plan.nodes()[i].name);
    if (found == expected_seconds.end()) continue;
    known[i] = true;
    result.seconds[i] = found->second;
    mean.sum += found->second;
    ++mean.count;
  }
  std::vector<double> work(count);
  for (std::size_t i = count; i-- > 0;) {  // successors come later in the plan
    if (state[i] == Known::hit) continue;
    work[i] = known[i] ? result.seconds[i] : mean.or_one();
    double after = 0;
    for (const int s : plan.successors(static_cast<int>(i))) {
      after = std::max(after, result.priority[static_cast<std::size_t>(s)]);
    }
    result.priority[i] = work[i] + after;
  }
  if (mean.count > 0) result.total = shortest_schedule(plan, work, result.priority, lanes);
  return result;
}

}  // namespace espalier::run
