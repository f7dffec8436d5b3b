// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <abstract/question.hpp>

#include <espalier/property.hpp>

/// What a tool says, and what is true of it.
namespace espalier::external {

/// A question for tools that read decimals: its box contains every input of the question's, so that `unsat` says of all
/// of them what it says. Needs: the question's box is not empty.
Property property_of(const abstract::Question& question, const Network& network);

/// Bytes of unknown origin for a message: the first of them, what cannot be shown as '?'.
std::string shown(std::string_view bytes);

/// The answer that a results file is: unsat, unknown, timeout or error, or sat with the values of X_0, X_1, ... and
/// Y_0, ... behind it. A counterexample is one only when it is replayed; the Y are not believed at all.
abstract::Answer answer_of(std::string_view results, const abstract::Question& question, const Network& network);

}  // namespace espalier::external
