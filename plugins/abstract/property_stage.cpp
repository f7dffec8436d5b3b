// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "property_question.hpp"
#include "stage.hpp"

namespace espalier::abstract {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void require_fit(const Network& network, const Property& property) {
  const std::int64_t inputs = element_count(network.input_shape());
  const std::int64_t outputs = element_count(network.output_shape());
  if (property.inputs == inputs && property.outputs == outputs) return;
  throw Error(Code::request,
              fmt::format("the property is about {} inputs and {} outputs, but the network has {} and {}",
                          property.inputs, property.outputs, inputs, outputs),
              "the property was made for another network");
}

Verdicts verdicts_of(PropertyAnswer answer, const Shape& input_shape, double budget_s, double seconds) {
  Verdicts verdicts;
  verdicts.solver = "abstract.property";
  verdicts.budget_s = budget_s;
  verdicts.rows.push_back({.image = 0,
                           .label = 0,
                           .target = {},
                           .epsilon = 0,
                           .verdict = answer.verdict,
                           .seconds = seconds,
                           .bound = answer.bound,
                           .witness_checked = false,
                           .message = std::move(answer.message)});
  if (answer.witness) {
    Shape shape = input_shape;
    shape.insert(shape.begin(), 1);
    verdicts.witnesses = Tensor::of(std::move(shape), *std::move(answer.witness));
    verdicts.witness_rows = {0};
  }
  return verdicts;
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
  ctx.out("verdicts", verdicts_of(std::move(decided), network.input_shape(), params.budget_s, seconds_since(start)));
}

}  // namespace espalier::abstract
