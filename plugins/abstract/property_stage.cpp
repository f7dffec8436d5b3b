// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <utility>

#include "property_question.hpp"
#include "stage.hpp"

namespace espalier::abstract {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

void verify_property(const PropertyParams& params, Context& ctx) {
  const auto start = Clock::now();
  const auto& network = ctx.in<Network>("network");
  const auto& property = ctx.in<Property>("property");
  require_fit(network, property);
  const Graph graph(network);
  const double setup_seconds = seconds_since(start);
  const MayContinue in_budget = [&] {
    ctx.check_stop();
    return params.budget_s == 0 || seconds_since(start) < params.budget_s;
  };
  PropertyAnswer decided = answer(network, graph, property, in_budget);
  Metrics metrics;
  metrics.values = {{"setup_seconds", setup_seconds},
                    {"subproblems", static_cast<double>(decided.boxes_bounded)},
                    {"lower_bound", decided.bound},
                    {"rigorous", 1}};
  ctx.out("metrics", std::move(metrics));
  ctx.out("verdicts", verdict_on_property("abstract.property", params.budget_s, network,
                                          {.verdict = decided.verdict,
                                           .bound = decided.bound,
                                           .message = std::move(decided.message),
                                           .witness = std::move(decided.witness),
                                           .seconds = seconds_since(start)}));
}

}  // namespace espalier::abstract
