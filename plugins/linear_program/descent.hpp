// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "abstract/question.hpp"
#include "simplex.hpp"

namespace espalier::linear {

/// Follows the signs of the smallest margin's slopes downhill from a point, in smaller and smaller steps inside the
/// box: projected gradient descent (Madry et al. 2018). A counterexample when one is met before it is told to end.
std::optional<abstract::Answer> descend(const abstract::Verifier& verifier, const abstract::Question& question,
                                        std::vector<double> point, const MayContinue& may_continue);

}  // namespace espalier::linear
