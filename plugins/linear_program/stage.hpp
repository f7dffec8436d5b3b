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

/// Until a share of the time is used; bounds before the search take no more than a part of what is left.
Patience patience_of(const abstract::Used& used, double end = 1);

/// The body of a stage that answers by search.
void search_all(std::string solver, Method method, const abstract::VerifyParams& params, Context& ctx);

}  // namespace espalier::linear
