// SPDX-License-Identifier: Apache-2.0
#include "stage.hpp"

#include <string>
#include <utility>

namespace espalier::abstract {
namespace {

void verify(std::string solver, Domain domain, const VerifyParams& params, Context& ctx) {
  const Verifier verifier(ctx.in<Network>("network"));
  ctx.out("verdicts", answer_all(std::move(solver), params, ctx, [&](const Question& question, const Used& used) {
            return verifier.answer(question, domain, [&] { return used() < 1; });
          }));
}

}  // namespace

void verify_with_intervals(const VerifyParams& params, Context& ctx) {
  verify("abstract.intervals", Domain::intervals, params, ctx);
}

void verify_with_deeppoly(const VerifyParams& params, Context& ctx) {
  verify("abstract.deeppoly", Domain::deeppoly, params, ctx);
}

}  // namespace espalier::abstract
