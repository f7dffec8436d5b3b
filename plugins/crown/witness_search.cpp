// SPDX-License-Identifier: Apache-2.0
#include "witness_search.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace espalier::crown {
namespace {

using Row = Functional<Rational>;
using Choice = std::optional<double> (*)(const Rational& low, const Rational& high);

/// The least value of a variable, or, negated, of its opposite, where all rows are at least 0.
std::optional<Rational> least(std::size_t variable, const Rational& sign, const std::vector<Row>& rows,
                              const MayContinue& may_continue) {
  Row objective{std::vector<Rational>(rows.front().factors.size(), Rational(0)), Rational(0)};
  objective.factors[variable] = sign;
  CubeProgram<Rational> cube(std::move(objective), rows);
  if (cube.solve(may_continue) != CubeProgram<Rational>::End::optimal) return std::nullopt;
  return cube.least();
}

/// A point of the cube where all rows are at least 0 and the input is one of doubles.
std::optional<std::vector<Rational>> settle(const LeafProgram<Rational>& program, std::vector<Row> rows, Choice choose,
                                            const MayContinue& may_continue) {
  std::vector<Rational> point;
  for (std::size_t j = 0; j < program.varying.size(); ++j) {
    const Rational& low = program.low[program.varying[j]];
    const Rational& width = program.width[program.varying[j]];
    const auto first = least(j, 1, rows, may_continue);
    const auto last = least(j, -1, rows, may_continue);
    if (!first || !last) return std::nullopt;
    const auto x = choose(low + *first * width, low - *last * width);
    if (!x) return std::nullopt;
    point.push_back((Rational(*x) - low) / width);
    for (Row& row : rows) {
      row.constant += row.factors[j] * point.back();
      row.factors[j] = 0;
    }
  }
  return point;
}

}  // namespace

Found search_witness(const LeafQuestion& question, std::size_t which, const InputTrial& trial) {
  constexpr std::size_t kMostVarying = 24;
  std::vector<Goal> limits;
  for (const Goal* g : question.goals) {
    limits.push_back(*g);
    limits.back().threshold = g->limit.value_or(g->threshold);
  }
  LeafQuestion about = question;
  std::ranges::transform(limits, about.goals.begin(), [](const Goal& g) { return &g; });
  Ranges<Rational> box;
  for (std::size_t k = 0; k < trial.box.low.size(); ++k) {
    if (!(trial.box.low[k] <= trial.box.high[k])) return Found::missed;  // reals, but no double
    box.emplace_back(trial.box.low[k], trial.box.high[k]);
  }
  const auto program = leaf_program<Rational>(about, box, kMostRationals);
  if (!program) return Found::missed;
  CubeProgram<Rational> cube(program->objective, program->constraints);
  const auto end = cube.solve(question.may_continue);
  if (end == CubeProgram<Rational>::End::stopped) return Found::missed;
  if (end == CubeProgram<Rational>::End::empty || cube.least() > 0) return Found::nothing;
  if (trial.look(which, program->input(cube.point()))) return Found::taken;
  if (program->varying.size() > kMostVarying) return Found::missed;
  std::vector<Row> rows = program->constraints;
  rows.push_back(program->objective);
  for (Rational& f : rows.back().factors) f = -f;
  rows.back().constant = -rows.back().constant;
  for (const Choice choose : {middle, simplest}) {
    const auto point = settle(*program, rows, choose, question.may_continue);
    if (point && trial.look(which, program->input(*point))) return Found::taken;
  }
  return Found::missed;
}

}  // namespace espalier::crown
