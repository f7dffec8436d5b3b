// SPDX-License-Identifier: Apache-2.0
// The one place that knows HiGHS.
#include <algorithm>
#include <string>

#include <Highs.h>

#include <espalier/error.hpp>

#include "linear_program/watch.hpp"
#include "mixed_integer.hpp"
#include "solvers.hpp"

namespace espalier::milp {
namespace {

HighsLp model_of(const linear::Encoding& encoding, const linear::Terms& objective) {
  const MixedInteger mixed = mixed_integer(encoding, objective);
  const linear::Program& program = mixed.program;
  HighsLp lp;
  for (const linear::Interval& x : program.columns()) {
    lp.col_lower_.push_back(x.low);
    lp.col_upper_.push_back(x.high);
  }
  lp.num_col_ = static_cast<HighsInt>(program.columns().size());
  lp.col_cost_.assign(program.columns().size(), 0);
  for (const linear::Term& t : mixed.objective) lp.col_cost_[static_cast<std::size_t>(t.column)] = t.factor;
  lp.integrality_.assign(program.columns().size(), HighsVarType::kContinuous);
  for (const std::int32_t binary : mixed.binaries) {
    lp.integrality_[static_cast<std::size_t>(binary)] = HighsVarType::kInteger;
  }
  for (const linear::Interval& x : program.ranges()) {
    lp.row_lower_.push_back(x.low);
    lp.row_upper_.push_back(x.high);
  }
  lp.num_row_ = static_cast<HighsInt>(program.row_count());
  lp.a_matrix_.format_ = MatrixFormat::kRowwise;
  for (std::size_t i = 0; i < program.row_count(); ++i) {
    for (const linear::Term& t : program.row(i)) {
      lp.a_matrix_.index_.push_back(t.column);
      lp.a_matrix_.value_.push_back(t.factor);
    }
    lp.a_matrix_.start_.push_back(static_cast<HighsInt>(lp.a_matrix_.index_.size()));
  }
  return lp;
}

void require_ok(HighsStatus status, const char* what) {
  if (status == HighsStatus::kError) throw Error(Code::internal, std::string("HiGHS refuses ") + what);
}

class HighsSolver final : public linear::MipSolver {
 public:
  void solve(const linear::Encoding& encoding, const linear::Terms& objective, const linear::Visit& visit,
             const linear::MayContinue& may_continue) const override {
    linear::Watch watch(may_continue);
    Highs highs;
    require_ok(highs.setOptionValue("output_flag", false), "to be silent");
    require_ok(highs.setOptionValue("threads", 1), "to work on one thread");
    const auto show = [&](const double* point) {
      if (watch.ended()) return;
      const std::vector<double> input = encoding.input_at({point, encoding.program.columns().size()});
      watch.guarded([&] { return !visit(input); });
    };
    const auto answer = [&](int what, const std::string&, const HighsCallbackDataOut* out, HighsCallbackDataIn* in,
                            void*) {
      if (what == kCallbackMipImprovingSolution) {
        show(out->mip_solution);
      } else if (in != nullptr && !watch.goes_on()) {
        in->user_interrupt = 1;
      }
    };
    require_ok(highs.setCallback(answer), "to be watched");
    for (const int what : {kCallbackMipImprovingSolution, kCallbackMipInterrupt, kCallbackSimplexInterrupt}) {
      require_ok(highs.startCallback(what), "to be watched");
    }
    // What has numbers too large for it or too far apart it may refuse, at once or later: it has then nothing to show.
    if (highs.passModel(model_of(encoding, objective)) == HighsStatus::kError) return;
    const bool solved = highs.run() != HighsStatus::kError;
    watch.rethrow();
    // A solution found before branching is no event.
    const bool has_point = solved && highs.getInfo().primal_solution_status == kSolutionStatusFeasible;
    if (has_point) show(highs.getSolution().col_value.data());
    watch.rethrow();
  }
};

}  // namespace

std::shared_ptr<const linear::MipSolver> make_highs() {
  return std::make_shared<HighsSolver>();
}

}  // namespace espalier::milp
