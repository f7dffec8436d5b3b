// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "abstract/answers.hpp"
#include "complete.hpp"

namespace espalier::linear {

/// A search may take for ever, so it has a limit unless told otherwise.
struct SearchParams : abstract::VerifyParams {
  SearchParams();
  bool descent = true;
};

inline constexpr const char* kVerdictsDoc =
    "one answer a question, with a certified bound of the margin; and how many neurons DeepPoly left unstable "
    "(unstable_neurons), for how many of them the search had to choose a phase once bounds were tightened "
    "(integer_variables; none where no search was needed) and how many programs it solved (subproblems)";

/// Describes a verifier that searches; P is derived from SearchParams, or is it.
template <class P>
StageBuilder<P> describe_search(StageBuilder<P> stage) {
  return abstract::describe_verifier(stage, kVerdictsDoc)
      .single_threaded()
      .param("descent", static_cast<bool P::*>(&P::descent),
             "whether gradient descent looks for counterexamples too, before the search and in it; without, only what "
             "DeepPoly and the programs come upon is tried, as in the tools that this stage is the counterpart of");
}

/// Until a share of the time is used; bounds before the search take no more than a part of what is left.
Patience patience_of(const abstract::Used& used, double end = 1);

/// The body of a stage that answers by search.
void search_all(std::string solver, Method method, const SearchParams& params, Context& ctx);

}  // namespace espalier::linear
