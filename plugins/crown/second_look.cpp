// SPDX-License-Identifier: Apache-2.0
#include "second_look.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <abstract/rounding.hpp>

#include "leaf_program.hpp"
#include "witness_search.hpp"

namespace espalier::crown {
namespace {

using Answer = SecondLook::Answer;
using End = SecondLook::End;

/// Numbers that a linear program in double may have: some seconds of work, some ten megabytes.
constexpr std::size_t kMostDoubles = std::size_t{1} << 22;

/// A sum of goals minus their thresholds, each with a weight >= 0, and what rounding has done to it.
struct WeightedGoals {
  std::vector<double> factors;
  double threshold = 0;
  double error = 0;
  double weights = 0;

  WeightedGoals(const std::vector<const Goal*>& goals, const std::vector<double>& by, const abstract::Intervals& y)
      : factors(y.size(), 0) {
    const double unit = abstract::gamma(static_cast<std::int64_t>(goals.size()) + 4);
    for (std::size_t g = 0; g < goals.size(); ++g) {
      if (!(by[g] > 0)) continue;
      const bool alone = by[g] == 1 && goals.size() == 1;
      weights += by[g];
      threshold += by[g] * goals[g]->threshold;
      if (!alone) error += unit * std::abs(by[g] * goals[g]->threshold) + abstract::kFloor;
      for (std::size_t k = 0; k < y.size(); ++k) {
        const double factor = by[g] * goals[g]->factors[k];
        factors[k] += factor;
        if (factor != 0 && !alone) error += (unit * std::abs(factor) + abstract::kFloor) * abstract::magnitude(y[k]);
      }
    }
  }
};

const abstract::Intervals& outputs_of(const Root& root) {
  return root.relaxation.bounds(root.relaxation.graph().output());
}

/// The certified bound of a sum of goals over the part, a unit of weight.
double certified(const Root& root, const PartLines& part, const WeightedGoals& sum) {
  Coefficients<double> start(static_cast<std::size_t>(root.relaxation.graph().values()));
  start.back() = sum.factors;
  const double low = certified_low(root, to_input(root, part, std::move(start)));
  const double bound = abstract::sum_down(abstract::sum_down(low, -sum.threshold), -abstract::inflate(sum.error));
  if (!(bound > 0) || sum.weights == 1) return abstract::or_nothing(bound);
  return sum.weights > 0 ? bound / sum.weights * (1 - 0x1p-50) : HUGE_VAL;
}

/// One leaf on its way to an answer.
class LeafDecision {
 public:
  LeafDecision(LeafQuestion question, std::size_t which, const InputTrial& trial)
      : question_(std::move(question)), which_(which), trial_(trial) {}

  Answer decide() {
    if (!question_.part.exact()) return {};
    if (const auto answer = in_double()) return *answer;
    if (!question_.may_continue() || question_.numbers == nullptr || !question_.numbers->usable()) return {};
    return in_rationals();
  }

 private:
  std::optional<Answer> in_double() {
    Ranges<double> box;
    for (const auto& [low, high] : root().relaxation.bounds(0)) box.emplace_back(low, high);
    auto program = leaf_program<double>(question_, box, kMostDoubles);
    if (!program) return std::nullopt;
    const std::vector<double> scale = rescale(program->constraints);
    CubeProgram<double> cube(program->objective, program->constraints);
    const auto end = cube.solve(question_.may_continue);
    if (end == CubeProgram<double>::End::stopped) return std::nullopt;
    std::vector<double> weights = cube.weights();
    for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= scale[i];
    const auto literals = static_cast<std::ptrdiff_t>(question_.domain.literals.size());
    std::vector<double> by{end == CubeProgram<double>::End::empty ? 0.0 : 1.0};
    by.insert(by.end(), weights.begin() + literals, weights.end());
    PartLines part = question_.part;
    part.set_multipliers(root(), question_.domain, {weights.begin(), weights.begin() + literals});
    const double bound = certified(root(), part, WeightedGoals(question_.goals, by, outputs_of(root())));
    if (bound > 0) return refuted(bound, {weights.begin(), weights.begin() + literals}, by);
    const bool shown = end == CubeProgram<double>::End::optimal && trial_.look(which_, program->input(cube.point()));
    return shown ? std::optional(Answer{End::shown, 0}) : std::nullopt;
  }

  Answer in_rationals() const {
    const auto program = leaf_program<Rational>(question_, real_box(), kMostRationals);
    if (!program) return {};
    CubeProgram<Rational> cube(program->objective, program->constraints);
    const auto end = cube.solve(question_.may_continue);
    if (end == CubeProgram<Rational>::End::stopped) return {};
    const bool empty = end == CubeProgram<Rational>::End::empty;
    if (empty || cube.least() > 0) {
      const std::size_t literals = question_.domain.literals.size();
      Rational weight = empty ? 0 : 1;
      std::vector<double> multipliers;
      std::vector<double> by{empty ? 0.0 : 1.0};
      const std::vector<Rational> weights = cube.weights();
      for (std::size_t i = 0; i < weights.size(); ++i) {
        (i < literals ? multipliers : by).push_back(nearest(weights[i]));
        if (i >= literals) weight += weights[i];
      }
      const Rational bound = empty ? cube.lack() : cube.least();
      return refuted(weight > 0 ? at_most(bound / weight) : HUGE_VAL, std::move(multipliers), by);
    }
    switch (search_witness(question_, which_, trial_)) {
      case Found::taken:
        return {End::shown, 0};
      case Found::nothing:
        return {trial_.reals.empty() ? End::blurred : End::unshown, 0};
      case Found::missed:
        break;
    }
    return {question_.may_continue() ? End::unshown : End::open, 0};
  }

  /// `by` has the weight of the domain's goal first.
  Answer refuted(double bound, std::vector<double> multipliers, const std::vector<double>& by) const {
    const auto own = static_cast<std::ptrdiff_t>(own_goal());
    std::vector<double> weights(by.begin() + 1, by.end());
    weights.insert(weights.begin() + own, by.front());
    return {End::refuted, bound, std::move(multipliers), std::move(weights)};
  }
  /// The place of the domain's goal in its case: those before it keep their order behind it.
  std::size_t own_goal() const {
    std::size_t place = 0;
    for (const Goal* goal : question_.goals) place += goal < question_.goals.front() ? 1 : 0;
    return place;
  }

  /// The box that a proof is to be about.
  Ranges<Rational> real_box() const {
    Ranges<Rational> box;
    for (const auto& [low, high] : root().relaxation.bounds(0)) box.emplace_back(low, high);
    for (std::size_t i = 0; i < trial_.reals.size(); ++i) {
      const auto& [centre, radius, low, high] = trial_.reals[i];
      box[i] = {std::max(Rational(centre) - Rational(radius), Rational(low)),
                std::min(Rational(centre) + Rational(radius), Rational(high))};
    }
    return box;
  }

  /// Constraints get factors of size 1, by powers of two; what each was multiplied with.
  static std::vector<double> rescale(std::vector<Functional<double>>& constraints) {
    std::vector<double> by;
    for (Functional<double>& row : constraints) {
      double largest = std::abs(row.constant);
      for (const double f : row.factors) largest = std::max(largest, std::abs(f));
      const bool usable = largest > 0 && std::isfinite(largest);
      by.push_back(usable ? std::ldexp(1.0, -std::clamp(std::ilogb(largest), -1000, 1000)) : 1);
      for (double& f : row.factors) f *= by.back();
      row.constant *= by.back();
    }
    return by;
  }

  const Root& root() const { return question_.root; }

  LeafQuestion question_;
  std::size_t which_;
  const InputTrial& trial_;
};

}  // namespace

SecondLook::SecondLook(const Root& root, std::span<const Goal> goals, std::span<const std::size_t> case_of,
                       const InputTrial& trial, const MayContinue& may_continue)
    : root_(root), goals_(goals), case_of_(case_of), trial_(trial), may_continue_(may_continue) {}

double SecondLook::bound(const Domain& domain) const {
  return certified(root_, {root_, domain}, WeightedGoals({&goals_[domain.goal]}, {1.0}, outputs_of(root_)));
}

Answer SecondLook::decide(const Domain& leaf) const {
  std::vector<const Goal*> goals{&goals_[leaf.goal]};
  for (std::size_t g = 0; g < goals_.size(); ++g) {
    if (g != leaf.goal && case_of_[g] == case_of_[leaf.goal]) goals.push_back(&goals_[g]);
  }
  LeafQuestion question{root_, leaf, std::move(goals), {root_, leaf}, trial_.numbers, may_continue_};
  return LeafDecision(std::move(question), case_of_[leaf.goal], trial_).decide();
}

}  // namespace espalier::crown
