// SPDX-License-Identifier: Apache-2.0
#include "tree.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "certificate.hpp"
#include "units.hpp"

namespace espalier::linear {
namespace {

/// Solves go on until the objective is this share of its size above the goal, so that a certificate has room to round.
constexpr double kRoom = 1e-6;

double enough_for(const Search& search, const Intervals& columns) {
  double size = 0;
  for (const Term& t : search.objective) {
    size += std::abs(t.factor) * abstract::magnitude(columns[static_cast<std::size_t>(t.column)]);
  }
  return search.above + kRoom * size;
}

}  // namespace

Tree::Tree(const Encoding& encoding)
    : encoding_(encoding), simplex_(encoding.program), columns_(encoding.program.columns()) {}

void Tree::limit(std::int32_t column, Interval bounds) {
  Interval& now = columns_[static_cast<std::size_t>(column)];
  if (now.low == bounds.low && now.high == bounds.high) return;
  now = bounds;
  simplex_.set_bounds(column, bounds);
}

void Tree::enter(const Node& node) {
  std::vector<int> side(encoding_.neurons.size(), 0);
  for (const Split& s : node.path) side[s.neuron] = s.positive ? 1 : -1;
  for (std::size_t i = 0; i < side.size(); ++i) {
    const Neuron& neuron = encoding_.neurons[i];
    const Intervals& whole = encoding_.program.columns();
    limit(neuron.positive, side[i] < 0 ? Interval{0, 0} : whole[static_cast<std::size_t>(neuron.positive)]);
    limit(neuron.negative, side[i] > 0 ? Interval{0, 0} : whole[static_cast<std::size_t>(neuron.negative)]);
  }
}

double Tree::certified(Solved solved, const Search& search) const {
  const Program& program = encoding_.program;
  if (solved == Solved::infeasible) {
    const bool empty = certified_low(program, columns_, {}, simplex_.multipliers()) > 0;
    return empty ? HUGE_VAL : -HUGE_VAL;
  }
  return certified_low(program, columns_, search.objective, simplex_.multipliers());
}

std::size_t Tree::choose(const Node& node, Solved solved, Branching branching) const {
  std::vector<bool> decided(encoding_.neurons.size(), false);
  for (const Split& s : node.path) decided[s.neuron] = true;
  const std::span<const double> point = simplex_.point();
  std::size_t best = decided.size();
  std::pair<double, double> best_score{-1, -1};
  for (std::size_t i = 0; i < decided.size(); ++i) {
    if (decided[i]) continue;
    std::pair<double, double> score{0, 0};
    if (solved == Solved::optimal) {
      const Neuron& neuron = encoding_.neurons[i];
      const auto chord = static_cast<std::size_t>(neuron.chord);
      score.second = neuron.unit * std::min(point[static_cast<std::size_t>(neuron.positive)],
                                            point[static_cast<std::size_t>(neuron.negative)]);
      score.first = branching == Branching::violation
                        ? score.second
                        : std::abs(simplex_.multipliers()[chord]) * encoding_.program.ranges()[chord].high;
    }
    if (best < decided.size() && !(score > best_score)) continue;
    best = i;
    best_score = score;
  }
  return best;
}

void Tree::split(const Node& node, std::size_t neuron, double low, Solved solved) {
  // A basis that led to trouble is not handed down.
  const auto basis = solved == Solved::failed ? node.basis : std::make_shared<const Basis>(simplex_.basis());
  const Neuron& columns = encoding_.neurons[neuron];
  const std::span<const double> point = simplex_.point();
  const bool positive_first =
      point[static_cast<std::size_t>(columns.positive)] > point[static_cast<std::size_t>(columns.negative)];
  for (const bool positive : {!positive_first, positive_first}) {
    Node child{.path = node.path, .low = low, .basis = basis};
    child.path.push_back({neuron, positive});
    open_.push_back(std::move(child));
  }
}

Outcome Tree::run(Search search, const MayContinue& may_continue) {
  const double unit = unit_of(largest_factor(search.objective));
  for (Term& term : search.objective) term.factor /= unit;
  search.above = scaled_up(search.above, 1 / unit);
  Outcome outcome = run_in_unit(search, may_continue);
  outcome.low = scaled_down(outcome.low, unit);
  return outcome;
}

Outcome Tree::run_in_unit(const Search& search, const MayContinue& may_continue) {
  simplex_.set_objective(search.objective, enough_for(search, encoding_.program.columns()));
  open_.assign(1, {.path = {}, .low = -HUGE_VAL, .basis = nullptr});
  Outcome outcome{.ended = Ended::proven, .low = HUGE_VAL, .nodes = 0};
  const Basis* current = nullptr;
  while (!open_.empty()) {
    const bool limited = search.most_nodes > 0 && outcome.nodes >= search.most_nodes;
    if (limited || !may_continue()) {
      outcome.ended = limited ? Ended::open : Ended::stopped;
      for (const Node& node : open_) outcome.low = abstract::lesser(outcome.low, node.low);
      return outcome;
    }
    const Node node = std::move(open_.back());
    open_.pop_back();
    enter(node);
    if (node.basis && node.basis.get() != current) simplex_.set_basis(*node.basis);
    const Solved solved = simplex_.solve(may_continue);
    ++outcome.nodes;
    const double low = std::max(node.low, certified(solved, search));
    if (low > search.above) {
      outcome.low = abstract::lesser(outcome.low, low);
      current = nullptr;
      continue;
    }
    const bool has_point = solved == Solved::optimal;
    if (has_point && search.visit) {
      if (search.visit(encoding_.input_at(simplex_.point())))
        return {.ended = Ended::found, .low = -HUGE_VAL, .nodes = outcome.nodes};
    }
    const std::size_t neuron = choose(node, solved, search.branching);
    if (neuron == encoding_.neurons.size()) {
      outcome.ended = Ended::open;
      outcome.low = abstract::lesser(outcome.low, low);
      current = nullptr;
      continue;
    }
    split(node, neuron, low, solved);
    current = solved == Solved::failed ? nullptr : open_.back().basis.get();
  }
  return outcome;
}

}  // namespace espalier::linear
