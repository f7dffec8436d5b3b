// SPDX-License-Identifier: Apache-2.0
#include "leaf_program.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

namespace espalier::crown {
namespace {

/// Functionals of the input: of goals minus their thresholds, and of what phases say is not below 0.
template <class Number>
class Maker {
 public:
  explicit Maker(const LeafQuestion& question) : question_(question), part_(question.part) {
    for (std::vector<double>& pulls : part_.pulls) pulls.clear();
  }

  Functional<Number> of_goal(const Goal& goal) const {
    Coefficients<Number> start = none();
    for (const double f : goal.factors) start.back().push_back(Number(f));
    Functional<Number> row = sent_back(std::move(start));
    row.constant -= Number(goal.threshold);
    return row;
  }

  Functional<Number> of_literal(const Literal& literal) const {
    const NeuronId id = question_.root.program.id(literal.neuron);
    Coefficients<Number> start = none();
    std::vector<Number>& z = start[static_cast<std::size_t>(id.value)];
    z.assign(static_cast<std::size_t>(question_.root.relaxation.graph().size(id.value)), Number(0));
    z[static_cast<std::size_t>(id.element)] = Number(literal.sign);
    return sent_back(std::move(start));
  }

 private:
  Coefficients<Number> none() const {
    return Coefficients<Number>(static_cast<std::size_t>(question_.root.relaxation.graph().values()));
  }

  Functional<Number> sent_back(Coefficients<Number> start) const {
    if constexpr (std::is_same_v<Number, Rational>) {
      return to_input(question_.root, part_, std::move(start), *question_.numbers).functional;
    } else {
      return to_input(question_.root, part_, std::move(start)).functional;
    }
  }

  const LeafQuestion& question_;
  PartLines part_;  ///< without multipliers
};

template <class Number>
Functional<Number> negated(Functional<Number> row) {
  for (Number& f : row.factors) f = -f;
  row.constant = -row.constant;
  return row;
}

template <class Number>
void move_to_cube(const LeafProgram<Number>& program, Functional<Number>& row) {
  for (std::size_t k = 0; k < row.factors.size(); ++k) {
    if (row.factors[k] != 0) row.constant += row.factors[k] * program.low[k];
  }
  std::vector<Number> factors;
  for (const std::size_t k : program.varying) factors.push_back(row.factors[k] * program.width[k]);
  row.factors = std::move(factors);
}

/// A threshold is infinite where outputs are so wide that rounding could be anything.
bool is_finite(const Goal& goal) {
  return std::isfinite(goal.threshold) && std::ranges::all_of(goal.factors, [](double f) { return std::isfinite(f); });
}

double to_double(double x) {
  return x;
}
double to_double(const Rational& x) {
  return nearest(x);
}

}  // namespace

template <class Number>
std::vector<double> LeafProgram<Number>::input(const std::vector<Number>& point) const {
  std::vector<Number> x = low;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (width[k] != 0) x[k] += width[k] / Number(2);  // what is not a variable has no influence
  }
  for (std::size_t j = 0; j < varying.size(); ++j) x[varying[j]] = low[varying[j]] + point[j] * width[varying[j]];
  std::vector<double> out;
  for (const Number& value : x) out.push_back(to_double(value));
  return out;
}

template <class Number>
std::optional<LeafProgram<Number>> leaf_program(const LeafQuestion& question, const Ranges<Number>& box,
                                                std::size_t largest) {
  const std::vector<Literal>& literals = question.domain.literals;
  if ((literals.size() + question.goals.size()) * box.size() > largest) return std::nullopt;
  if (!std::ranges::all_of(question.goals, [](const Goal* goal) { return is_finite(*goal); })) return std::nullopt;
  LeafProgram<Number> program;
  const Maker<Number> maker(question);
  program.objective = maker.of_goal(*question.goals.front());
  for (const Literal& literal : literals) {
    if (!question.may_continue()) return std::nullopt;
    program.constraints.push_back(maker.of_literal(literal));
  }
  for (std::size_t g = 1; g < question.goals.size(); ++g) {
    program.constraints.push_back(negated(maker.of_goal(*question.goals[g])));
  }
  for (std::size_t k = 0; k < box.size(); ++k) {
    program.low.push_back(box[k].first);
    program.width.push_back(box[k].second - box[k].first);
    bool matters = program.objective.factors[k] != 0;
    for (const Functional<Number>& row : program.constraints) matters = matters || row.factors[k] != 0;
    if (matters && program.width.back() > 0) program.varying.push_back(k);
  }
  move_to_cube(program, program.objective);
  for (Functional<Number>& row : program.constraints) move_to_cube(program, row);
  return program;
}

template struct LeafProgram<double>;
template struct LeafProgram<Rational>;
template std::optional<LeafProgram<double>> leaf_program(const LeafQuestion&, const Ranges<double>&, std::size_t);
template std::optional<LeafProgram<Rational>> leaf_program(const LeafQuestion&, const Ranges<Rational>&, std::size_t);

}  // namespace espalier::crown
