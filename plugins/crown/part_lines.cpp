// SPDX-License-Identifier: Apache-2.0
#include "part_lines.hpp"

#include <algorithm>
#include <cmath>
#include <ranges>
#include <type_traits>
#include <utility>

#include <abstract/rounding.hpp>

namespace espalier::crown {
namespace {

using abstract::Graph;
using abstract::ReluLines;

constexpr ReluLines kOpen{.slope_low = 1, .slope_high = 1, .offset = 0};

std::size_t at(std::int32_t i) {
  return static_cast<std::size_t>(i);
}

/// One pass from the last value back to the input; see abstract/substitution.cpp for why the result is a bound.
template <class Number>
class Pass {
 public:
  Pass(const Root& root, const PartLines& part, Coefficients<Number> coefficients, const ExactNumbers* numbers)
      : relaxation_(root.relaxation),
        graph_(relaxation_.graph()),
        part_(part),
        numbers_(numbers),
        pending_(std::move(coefficients)) {
    pending_.resize(at(graph_.values()));
  }

  OnInput<Number> run() {
    for (int v = graph_.values() - 1; v > 0; --v) {
      pull(v);
      const std::vector<Number> from = std::exchange(pending_[at(v)], {});
      if (from.empty()) continue;
      charge(v, from);
      replace(v, from);
    }
    result_.functional.factors = std::move(coefficients(0));
    return std::move(result_);
  }

 private:
  std::vector<Number>& coefficients(int value) {
    std::vector<Number>& all = pending_[at(value)];
    if (all.empty()) all.assign(static_cast<std::size_t>(graph_.size(value)), Number(0));
    return all;
  }

  /// The last to change a coefficient: what rounding does to it is as if the multiplier were another one.
  void pull(int v) {
    const std::vector<double>& pulls = part_.pulls[at(v)];
    if (pulls.empty()) return;
    std::vector<Number>& z = coefficients(v);
    for (std::size_t k = 0; k < pulls.size(); ++k) {
      if (pulls[k] != 0) z[k] -= Number(pulls[k]);
    }
  }

  void charge(int v, const std::vector<Number>& from) {
    if constexpr (std::is_floating_point_v<Number>) {
      const std::vector<double>& slack = relaxation_.slack(v);
      for (std::size_t k = 0; k < from.size(); ++k) result_.error += std::abs(from[k]) * slack[k];
    }
  }

  void replace(int v, const std::vector<Number>& from) {
    const Graph::Node& node = graph_.node(v);
    std::visit(
        Overloaded{[&](const abstract::AffineMap& map) { through(map, v, from, coefficients(node.inputs[0])); },
                   [&](const Relu&) { through(part_.lines[at(node.inputs[0])], from, coefficients(node.inputs[0])); },
                   [&](const Add&) {
                     move(from, coefficients(node.inputs[0]));
                     move(from, coefficients(node.inputs[1]));
                   },
                   [&](const Flatten&) { move(from, coefficients(node.inputs[0])); }},
        node.step);
  }

  void through(const abstract::AffineMap& map, int v, const std::vector<Number>& from, std::vector<Number>& to) {
    if constexpr (std::is_same_v<Number, Rational>) {
      if (const ExactMap* exact = numbers_->of(v)) return through(map.weights, exact->weights, exact->bias, from, to);
    }
    const auto weights = std::views::transform(map.weights.terms, &abstract::Columns::Term::weight);
    through(map.weights, weights, map.bias, from, to);
  }

  template <class Weights, class Bias>
  void through(const abstract::Columns& columns, const Weights& weights, const Bias& bias,
               const std::vector<Number>& from, std::vector<Number>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      if (from[k] != 0) result_.functional.constant += from[k] * Number(bias[k]);
    }
    for (std::size_t j = 0; j < to.size(); ++j) {
      const auto end = static_cast<std::size_t>(columns.start[j + 1]);
      for (auto t = static_cast<std::size_t>(columns.start[j]); t < end; ++t) {
        const Number& p = from[at(columns.terms[t].row)];
        if (p != 0) to[j] += Number(weights[t]) * p;
      }
    }
  }

  void through(const std::vector<ReluLines>& lines, const std::vector<Number>& from, std::vector<Number>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      const bool above = from[k] > 0;
      const double slope = above ? lines[k].slope_low : lines[k].slope_high;
      if (slope != 0) to[k] += from[k] * Number(slope);
      if (!above && lines[k].offset != 0) result_.functional.constant += from[k] * Number(lines[k].offset);
    }
  }

  static void move(const std::vector<Number>& from, std::vector<Number>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) to[k] += from[k];
  }

  const abstract::Relaxation& relaxation_;
  const Graph& graph_;
  const PartLines& part_;
  const ExactNumbers* numbers_;  ///< null: doubles
  Coefficients<Number> pending_;
  OnInput<Number> result_;
};

}  // namespace

PartLines::PartLines(const Root& root, const Domain& domain) {
  const Graph& graph = root.relaxation.graph();
  lines.resize(at(graph.values()));
  pulls.resize(at(graph.values()));
  for (int v = 1; v < graph.values(); ++v) {
    if (std::holds_alternative<Relu>(graph.node(v).step)) {
      lines[at(graph.node(v).inputs[0])] = root.relaxation.lines(v);
    }
  }
  for (int n = 0; n < root.program.neurons(); ++n) {
    const NeuronId id = root.program.id(n);
    ReluLines& line = lines[at(id.value)][at(id.element)];
    if (line.offset > 0) line.slope_low = static_cast<double>(Domain::unpacked(domain.slopes[at(n)]));
  }
  close_dead(graph);
  for (const Literal& literal : domain.literals) {
    const NeuronId id = root.program.id(literal.neuron);
    lines[at(id.value)][at(id.element)] = literal.sign > 0 ? kOpen : ReluLines{};
  }
  set_multipliers(root, domain, {domain.multipliers.begin(), domain.multipliers.end()});
}

/// No coefficient reaches neurons that the output does not depend on: they are as exact as closed ones.
void PartLines::close_dead(const Graph& graph) {
  for (int v = 1; v < graph.values(); ++v) {
    if (!std::holds_alternative<Relu>(graph.node(v).step)) continue;
    const int in = graph.node(v).inputs[0];
    for (std::size_t k = 0; k < lines[at(in)].size(); ++k) {
      if (!graph.live(in)[k]) lines[at(in)][k] = {};
    }
  }
}

void PartLines::set_multipliers(const Root& root, const Domain& domain, const std::vector<double>& multipliers) {
  for (std::size_t i = 0; i < domain.literals.size(); ++i) {
    const NeuronId id = root.program.id(domain.literals[i].neuron);
    std::vector<double>& all = pulls[at(id.value)];
    all.resize(lines[at(id.value)].size(), 0);
    // Any multiplier that is not negative is sound; one that is not a number is none.
    const bool usable = multipliers[i] > 0 && std::isfinite(multipliers[i]);
    all[at(id.element)] = usable ? domain.literals[i].sign * multipliers[i] : 0;
  }
}

bool PartLines::exact() const {
  return std::ranges::all_of(lines, [](const std::vector<ReluLines>& of_value) {
    return std::ranges::all_of(of_value, [](const ReluLines& l) { return l.offset == 0; });
  });
}

OnInput<double> to_input(const Root& root, const PartLines& part, Coefficients<double> coefficients) {
  return Pass<double>(root, part, std::move(coefficients), nullptr).run();
}

OnInput<Rational> to_input(const Root& root, const PartLines& part, Coefficients<Rational> coefficients,
                           const ExactNumbers& numbers) {
  return Pass<Rational>(root, part, std::move(coefficients), &numbers).run();
}

double certified_low(const Root& root, const OnInput<double>& row) {
  const abstract::Intervals& box = root.relaxation.bounds(0);
  const double gamma = root.relaxation.graph().gamma();
  double low = row.functional.constant;
  double error = row.error;
  for (std::size_t k = 0; k < box.size(); ++k) {
    const double p = row.functional.factors[k];
    low += std::min(p * box[k].low, p * box[k].high);
    error += std::abs(p) * (abstract::inflate(gamma * abstract::magnitude(box[k])) + abstract::kFloor);
  }
  return abstract::or_nothing(abstract::sum_down(low, -(abstract::inflate(error) + root.relaxation.underflow())));
}

}  // namespace espalier::crown
