// SPDX-License-Identifier: Apache-2.0
// The one place that knows CBC.
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
#include "linear_program/coin_program.hpp"
#include "mixed_integer.hpp"
#include "solvers.hpp"

namespace espalier::milp {
namespace {

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

void load(const MixedInteger& mixed, OsiClpSolverInterface& osi) {
  osi.messageHandler()->setLogLevel(0);
  const linear::CoinProgram loaded(mixed.program);
  std::vector<double> objective(loaded.low.size(), 0);
  for (const linear::Term& t : mixed.objective) objective[static_cast<std::size_t>(t.column)] = t.factor;
  osi.loadProblem(loaded.matrix, loaded.low.data(), loaded.high.data(), objective.data(), loaded.row_low.data(),
                  loaded.row_high.data());
  for (const std::int32_t binary : mixed.binaries) osi.setInteger(binary);
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
