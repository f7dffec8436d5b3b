// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "abstract/answers.hpp"
#include "complete.hpp"

namespace espalier::linear {

/// A search may take for ever, so it has a limit unless told otherwise.
struct SearchParams : abstract::VerifyParams {
  SearchParams();
};

inline constexpr const char* kVerdictsDoc =
    "one answer a question, with a certified bound of the margin; and how many neurons DeepPoly left unstable "
    "(unstable_neurons), for how many of them the search had to choose a phase once bounds were tightened "
    "(integer_variables; none where no search was needed) and how many programs it solved (subproblems)";

/// Until a share of the time is used; bounds before the search take no more than a part of what is left.
Patience patience_of(const abstract::Used& used, double end = 1);

/// The body of a stage that answers by search.
void search_all(std::string solver, Method method, const abstract::VerifyParams& params, Context& ctx);

}  // namespace espalier::linear
