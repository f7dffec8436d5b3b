// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <espalier/abi.hpp>

namespace espalier::core {

/// SIGKILL to every process that came of this one, and to all of the sessions they began: for a process that leaves
/// without giving whoever started them time to see to it.
ESPALIER_API void kill_descendants();

}  // namespace espalier::core
