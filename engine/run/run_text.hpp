// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "core/disk.hpp"
#include "run/scheduler.hpp"

namespace espalier::run {

/// After "interrupted: ".
inline constexpr std::string_view kStopping = "waiting for the running nodes to stop; interrupt again to leave at once";

/// "412 nodes: 388 up to date, 24 to run (about 4 min 02 s)", with its end of line; "up to 24" when some of
/// them may turn out to be up to date.
ESPALIER_API std::string start_text(const RunStart& start);

/// What a person reads at the end: every failure that is the root of others, with its hint, its log and what it kept
/// from running; `error` verdicts; the counts.
ESPALIER_API std::string summary_text(const pipeline::Plan& plan, const RunReport& report,
                                      const core::Path& log_folder);

}  // namespace espalier::run
