// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include <espalier/results.hpp>

#include "tables.hpp"

namespace espalier::report {

/// The time that a question had, without which a count of timeouts says nothing; nothing when it was not limited.
Cell budget_of(const Verdicts& verdicts);

/// A row for each combination of labels, and for each verifier its counts and times beside each other. Nothing when
/// there is one verifier: then a row an artifact says the same.
std::optional<ResultTable> verdicts_by_verifier(const std::vector<Gathered>& verdicts);

}  // namespace espalier::report
