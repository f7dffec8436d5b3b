// SPDX-License-Identifier: Apache-2.0
#include "form_network.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include <abstract/rounding.hpp>

namespace espalier::crown {
namespace {

using abstract::AffineMap;
using abstract::Graph;

FormStep affine_step(const AffineMap& map, int input) {
  FormStep step;
  step.kind = FormStep::Kind::affine;
  step.first = input;
  step.matrix = std::make_unique<FormMatrix>(map.weights, map.outputs());
  step.bias = map.bias;
  step.bias_error = map.bias_error;
  step.weight_error = map.weight_error;
  return step;
}

FormStep plain_step(FormStep::Kind kind, const std::vector<int>& inputs) {
  FormStep step;
  step.kind = kind;
  step.first = inputs.front();
  step.second = inputs.back();
  return step;
}

FormStep step_of(const Graph::Node& node) {
  using Kind = FormStep::Kind;
  return std::visit(Overloaded{[&](const AffineMap& map) { return affine_step(map, node.inputs[0]); },
                               [&](const Relu&) { return plain_step(Kind::relu, node.inputs); },
                               [&](const Add&) { return plain_step(Kind::add, node.inputs); },
                               [&](const Flatten&) { return plain_step(Kind::same, node.inputs); }},
                    node.step);
}

}  // namespace

FormNetwork::FormNetwork(const Graph& graph, std::span<const Case> cases) {
  sizes_.push_back(static_cast<int>(graph.size(0)));
  for (int v = 1; v < graph.values(); ++v) {
    sizes_.push_back(static_cast<int>(graph.size(v)));
    steps_.push_back(step_of(graph.node(v)));
  }
  add_goals(cases);
  // A row has a centre, a generator an input and an element of a value at most; a product sums one term an element.
  std::int64_t elements = 0;
  for (const int n : sizes_) elements += n;
  gamma_ = abstract::gamma(2 * elements + 16);
}

void FormNetwork::add_goals(std::span<const Case> cases) {
  AffineMap map;
  for (const Case& goals : cases) {
    for (const Goal& goal : goals) map.bias.push_back(-goal.threshold);
  }
  map.bias_error.assign(map.bias.size(), 0);
  for (std::size_t output = 0; output < static_cast<std::size_t>(sizes_.back()); ++output) {
    map.weights.start.push_back(static_cast<std::int64_t>(map.weights.terms.size()));
    std::int32_t row = 0;
    for (const Case& goals : cases) {
      for (const Goal& goal : goals) {
        if (goal.factors[output] != 0) map.weights.terms.push_back({goal.factors[output], row});
        ++row;
      }
    }
  }
  map.weights.start.push_back(static_cast<std::int64_t>(map.weights.terms.size()));
  steps_.push_back(affine_step(map, static_cast<int>(sizes_.size()) - 1));
  sizes_.push_back(static_cast<int>(map.bias.size()));
}

}  // namespace espalier::crown
