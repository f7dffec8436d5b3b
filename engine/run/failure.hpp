// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "run/node_log.hpp"

namespace espalier::run {

/// The exception that is being handled, as `Failed` or `Stopped`, with everything it says in the node's log. The
/// exception object is gone afterwards: it may be of a plugin's making. Needs: called in a catch block.
Outcome caught_failure(const std::stop_token& stop, NodeLog& log);

}  // namespace espalier::run
