// SPDX-License-Identifier: Apache-2.0
// The place that knows CLP; cbc.cpp knows what CBC shows of it.
#include "simplex.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include <ClpSimplex.hpp>
#include <CoinError.hpp>

#include <espalier/error.hpp>

#include "clp_watch.hpp"
#include "coin_program.hpp"

namespace espalier::linear {
namespace {

/// Bits of ClpSimplex::dual: work areas and factorisation outlive a solve, and the next one begins with them.
constexpr int kKeepFactorization = 1 | 2;

}  // namespace

struct Simplex::Solver {
  ClpSimplex clp;
  std::optional<Watch> watch;  ///< while it solves
};

Simplex::Simplex(const Program& program) : solver_(std::make_unique<Solver>()) {
  ClpSimplex& clp = solver_->clp;
  clp.setLogLevel(0);
  clp.scaling(0);  // programs come in good units; CLP's own would blow up what is tiny, and then fail its assertions
  const CoinProgram loaded(program);
  const std::vector<double> no_objective(loaded.low.size(), 0);
  clp.loadProblem(loaded.matrix, loaded.low.data(), loaded.high.data(), no_objective.data(), loaded.row_low.data(),
                  loaded.row_high.data());
  clp.setPrimalTolerance(1e-9);
  clp.setDualTolerance(1e-9);
  const ClpWatch handler(&solver_->watch);
  clp.passInEventHandler(&handler);
  multipliers_.assign(program.row_count(), 0);
}

Simplex::~Simplex() = default;

void Simplex::set_bounds(std::int32_t column, Interval bounds) {
  solver_->clp.setColumnBounds(column, CoinProgram::bound(bounds.low), CoinProgram::bound(bounds.high));
}

void Simplex::set_objective(std::span<const Term> objective, double enough) {
  ClpSimplex& clp = solver_->clp;
  for (int j = 0; j < clp.numberColumns(); ++j) clp.setObjectiveCoefficient(j, 0);
  for (const Term& term : objective) clp.setObjectiveCoefficient(term.column, term.factor);
  clp.setDualObjectiveLimit(CoinProgram::bound(enough));
}

Solved Simplex::solve(const MayContinue& may_continue) {
  ClpSimplex& clp = solver_->clp;
  const Watch& watch = solver_->watch.emplace(may_continue);
  try {
    clp.dual(0, kKeepFactorization);
    if (status() == Solved::failed) {  // once more, from the beginning
      clp.allSlackBasis(true);
      clp.dual();
    }
  } catch (const CoinError& error) {  // no std::exception
    throw Error(Code::internal, "the simplex method broke off: " + error.message());
  }
  watch.rethrow();
  const Solved solved = status();
  keep_multipliers(solved);
  return solved;
}

Solved Simplex::status() const {
  const ClpSimplex& clp = solver_->clp;
  if (solver_->watch->ended()) return Solved::stopped;
  if (clp.isProvenOptimal()) return Solved::optimal;
  if (!clp.isProvenPrimalInfeasible()) return Solved::failed;
  return clp.secondaryStatus() == 1 ? Solved::enough : Solved::infeasible;
}

void Simplex::keep_multipliers(Solved solved) {
  const ClpSimplex& clp = solver_->clp;
  const double* duals = clp.dualRowSolution();
  multipliers_.assign(duals, duals + clp.numberRows());
  if (solved != Solved::infeasible) return;
  const std::unique_ptr<double[]> ray(clp.infeasibilityRay());
  if (!ray) return;
  // CLP's ray raises what a dual solution lowers.
  std::transform(ray.get(), ray.get() + clp.numberRows(), multipliers_.begin(), std::negate());
}

std::span<const double> Simplex::point() const {
  const ClpSimplex& clp = solver_->clp;
  return {clp.primalColumnSolution(), static_cast<std::size_t>(clp.numberColumns())};
}

Basis Simplex::basis() const {
  const ClpSimplex& clp = solver_->clp;
  const unsigned char* status = clp.statusArray();
  return {status, status + clp.numberColumns() + clp.numberRows()};
}

void Simplex::set_basis(const Basis& basis) {
  solver_->clp.copyinStatus(basis.data());
}

}  // namespace espalier::linear
