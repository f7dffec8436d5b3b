// SPDX-License-Identifier: Apache-2.0
#include "device_problem.hpp"

#include <cstddef>

#include "normal_float.hpp"

namespace espalier::crown {
namespace {

DeviceProblem::Value flat(const Value& from) {
  DeviceProblem::Value to{.size = from.size,
                          .relu = from.relu,
                          .neurons = from.neurons,
                          .edges = {},
                          .bias = from.bias,
                          .rounded_bias = from.rounded_bias,
                          .slack = from.slack};
  for (const Value::Edge& edge : from.edges) {
    auto& terms = to.edges.emplace_back(DeviceProblem::Edge{.source = edge.source, .terms = {}}).terms;
    edge.matrix->each_weight([&](int row, int column, float weight) { terms.push_back({row, column, weight}); });
  }
  return to;
}

/// Neurons that may be split, and those that are from the start.
std::vector<std::int32_t> free_neurons(const Program& program, int place) {
  std::vector<std::int32_t> free;
  for (int v = 1; v < place; ++v) {
    const Value& value = program.value(v);
    for (int n = value.neurons; value.relu && n < value.neurons + value.size; ++n) {
      const Range& range = program.ranges()[static_cast<std::size_t>(n)];
      if (range.split != 0 || range.unstable()) free.push_back(n);
    }
  }
  return free;
}

}  // namespace

DeviceProblem device_problem(const Root& root, std::span<const Goal> goals) {
  const Program& program = root.program;
  DeviceProblem problem{.values = {},
                        .centre = program.centre(),
                        .radius = program.radius(),
                        .underflow = program.underflow(),
                        .error_scale = program.error_scale(),
                        .low = root.lines.low,
                        .high = root.lines.high,
                        .offset = root.lines.offset,
                        .free = free_neurons(program, program.output()),
                        .goals = {},
                        .thresholds = {}};
  for (int v = 0; v <= program.output(); ++v) problem.values.push_back(flat(program.value(v)));
  for (const Goal& goal : goals) {
    for (const double factor : goal.factors) problem.goals.push_back(normal_float(factor));
    problem.thresholds.push_back(goal.float_threshold());
  }
  return problem;
}

}  // namespace espalier::crown
