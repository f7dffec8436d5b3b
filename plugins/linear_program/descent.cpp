// SPDX-License-Identifier: Apache-2.0
#include "descent.hpp"

#include <algorithm>
#include <cmath>

#include "abstract/domains.hpp"

namespace espalier::linear {
namespace {

using namespace abstract;

constexpr int kSteps = 20;

/// The slopes of the smallest margin at a point: there, what DeepPoly substitutes are derivatives.
std::vector<double> slopes_at(const Graph& graph, const Question& question, std::span<const float> point) {
  const Box only_point(point, 0, {-HUGE_VAL, HUGE_VAL});
  const Relaxation relaxation = intervals(graph, only_point);
  const std::vector<Row> rows = margin_rows(graph, question);
  double smallest = HUGE_VAL;
  std::vector<double> slopes;
  for (std::size_t begin = 0; begin < rows.size(); begin += kLanes) {
    const auto part = std::span(rows).subspan(begin, std::min<std::size_t>(kLanes, rows.size() - begin));
    const Substituted margin = substitute(relaxation, graph.output(), part, Depth::input);
    for (std::size_t r = 0; r < part.size(); ++r) {
      if (!(margin.low[r] < smallest)) continue;
      smallest = margin.low[r];
      slopes.clear();
      for (const Lanes& slope : margin.slopes) slopes.push_back(slope[r]);
    }
  }
  return slopes;
}

}  // namespace

std::optional<Answer> descend(const Verifier& verifier, const Question& question, std::vector<double> point,
                              const MayContinue& may_continue) {
  const Box& box = *question.box;
  for (int step = 0; step < kSteps && may_continue(); ++step) {
    if (auto found = verifier.counterexample_near(question, point)) return found;
    const auto inside = box.round_into(point);
    if (!inside) return std::nullopt;
    const std::vector<double> slopes = slopes_at(verifier.graph(), question, *inside);
    if (slopes.empty()) return std::nullopt;
    const double share = 1 - static_cast<double>(step) / kSteps;
    for (std::size_t i = 0; i < point.size(); ++i) {
      const Interval range = box.hull()[i];
      const double reach = share * (range.high - range.low) / 2;
      const double moved = slopes[i] > 0 ? point[i] - reach : slopes[i] < 0 ? point[i] + reach : point[i];
      point[i] = std::clamp(moved, range.low, range.high);
    }
  }
  return verifier.counterexample_near(question, point);
}

}  // namespace espalier::linear
