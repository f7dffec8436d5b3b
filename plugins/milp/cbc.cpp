// SPDX-License-Identifier: Apache-2.0
// The one place that knows CBC.
#include <cmath>
#include <optional>

#include <CbcEventHandler.hpp>
#include <CbcModel.hpp>
#include <CglGomory.hpp>
#include <CglMixedIntegerRounding2.hpp>
#include <ClpSimplex.hpp>
#include <CoinError.hpp>
#include <OsiClpSolverInterface.hpp>

#include <espalier/error.hpp>

#include "linear_program/clp_watch.hpp"
#include "mixed_integer.hpp"
#include "solvers.hpp"

namespace espalier::milp {
namespace {

using linear::Interval;
using linear::Watch;

/// What solutions are shown to.
struct Audience {
  Watch& watch;
  const linear::Visit& visit;
  const linear::Encoding& encoding;

  void show(const double* point) const {
    if (point == nullptr || watch.ended()) return;
    const std::vector<double> input = encoding.input_at({point, encoding.program.columns().size()});
    watch.guarded([&] { return !visit(input); });
  }
};

/// Shows solutions, and asks after every step whether to go on.
class Handler final : public CbcEventHandler {
 public:
  explicit Handler(const Audience* audience) : audience_(audience) {}

  CbcAction event(CbcEvent which) override {
    if (which == solution || which == heuristicSolution) audience_->show(model_->bestSolution());
    return audience_->watch.goes_on() ? noAction : stop;
  }
  CbcEventHandler* clone() const override { return new Handler(*this); }  // owned by CBC

 private:
  const Audience* audience_;
};

double coin_bound(double x) {
  return std::isfinite(x) ? x : std::copysign(COIN_DBL_MAX, x);
}

void load(const MixedInteger& mixed, OsiClpSolverInterface& osi) {
  const linear::Program& program = mixed.program;
  osi.messageHandler()->setLogLevel(0);
  for (const Interval& x : program.columns()) osi.addCol(0, nullptr, nullptr, x.low, x.high, 0);
  for (const linear::Term& t : mixed.objective) osi.setObjCoeff(t.column, t.factor);
  for (const std::int32_t binary : mixed.binaries) osi.setInteger(binary);
  std::vector<int> columns;
  std::vector<double> factors;
  for (std::size_t i = 0; i < program.row_count(); ++i) {
    columns.clear();
    factors.clear();
    for (const linear::Term& t : program.row(i)) {
      columns.push_back(t.column);
      factors.push_back(t.factor);
    }
    const Interval range = program.ranges()[i];
    osi.addRow(static_cast<int>(columns.size()), columns.data(), factors.data(), coin_bound(range.low),
               coin_bound(range.high));
  }
}

class CbcSolver final : public linear::MipSolver {
 public:
  void solve(const linear::Encoding& encoding, const linear::Terms& objective, const linear::Visit& visit,
             const linear::MayContinue& may_continue) const override {
    std::optional<Watch> watch(may_continue);
    try {
      OsiClpSolverInterface program;
      const linear::ClpWatch each_iteration(&watch);  // CBC itself asks only after a node, which may take a minute
      program.getModelPtr()->passInEventHandler(&each_iteration);
      program.getModelPtr()->scaling(0);  // as in simplex.cpp
      load(mixed_integer(encoding, objective), program);
      CbcModel model(program);
      model.setLogLevel(0);
      CglGomory gomory;
      CglMixedIntegerRounding2 rounding;
      model.addCutGenerator(&gomory, kWhereItHelps, "gomory");
      model.addCutGenerator(&rounding, kWhereItHelps, "rounding");
      const Audience audience{.watch = *watch, .visit = visit, .encoding = encoding};
      Handler handler(&audience);
      model.passInEventHandler(&handler);
      model.branchAndBound();
      audience.show(model.bestSolution());  // one of the first program is no event
    } catch (const CoinError& error) {      // no std::exception
      throw Error(Code::internal, "CBC broke off: " + error.message());
    }
    watch->rethrow();
  }

 private:
  static constexpr int kWhereItHelps = -1;  ///< as often as CBC finds it worth while
};

}  // namespace

std::shared_ptr<const linear::MipSolver> make_cbc() {
  return std::make_shared<CbcSolver>();
}

}  // namespace espalier::milp
