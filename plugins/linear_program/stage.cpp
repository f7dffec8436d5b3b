// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <utility>

namespace espalier::linear {

SearchParams::SearchParams() {
  budget_s = 60;
}

Patience patience_of(const abstract::Used& used, double end) {
  constexpr double kDescent = 0.25;
  constexpr double kTightening = 0.4;
  const double begin = used();
  const auto until = [&](double share) { return [used, at = begin + share * (end - begin)] { return used() < at; }; };
  return {.all = until(1),
          .descent = until(kDescent),
          .tightening = until(kTightening),
          .solver = until(kTightening + (1 - kTightening) / 2)};
}

void search_all(std::string solver, Method method, const SearchParams& params, Context& ctx) {
  method.descent = params.descent;
  const CompleteVerifier verifier(ctx.in<Network>("network"), method);
  ctx.out("verdicts", abstract::answer_all(std::move(solver), params, ctx,
                                           [&](const abstract::Question& question, const abstract::Used& used) {
                                             return verifier.answer(question, patience_of(used));
                                           }));
}

}  // namespace espalier::linear
