// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "abstract/domains.hpp"
#include "program.hpp"

namespace espalier::linear {

using abstract::MayContinue;

enum class Solved : std::uint8_t {
  optimal,
  infeasible,  ///< the multipliers are a ray
  enough,      ///< the objective is above the limit that was set
  stopped,     ///< told to end
  failed,      ///< numerical trouble
};

/// Where the simplex method stands: in or at which bound every column and row is.
using Basis = std::vector<unsigned char>;

/// COIN-OR's simplex method (CLP) on a program with an objective to minimise; columns' bounds may change between
/// solves, which go on from the last basis. Nothing it says is certain: points are to be replayed, multipliers to be
/// put into certified_low.
class Simplex {
 public:
  explicit Simplex(const Program& program);
  ~Simplex();
  Simplex(const Simplex&) = delete;
  Simplex& operator=(const Simplex&) = delete;

  void set_bounds(std::int32_t column, Interval bounds);
  /// Replaces the objective. Solves end early once it is certain to be above `enough`.
  void set_objective(std::span<const Term> objective, double enough);
  Solved solve(const MayContinue& may_continue);

  /// Of the last solve: the columns' values, and a multiplier for every row. Valid until the next one.
  std::span<const double> point() const;
  std::span<const double> multipliers() const { return multipliers_; }

  Basis basis() const;
  void set_basis(const Basis& basis);

 private:
  struct Solver;
  Solved status() const;
  void keep_multipliers(Solved solved);

  std::unique_ptr<Solver> solver_;
  std::vector<double> multipliers_;
};

}  // namespace espalier::linear
