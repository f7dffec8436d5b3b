// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace espalier::testing {

/// Small whole files of the kind that a fuzz target reads, with everything in them that the kind has. Throws when the
/// reader refuses one: nothing that is near to a good file would be tried then.
std::vector<std::string> seeds();

}  // namespace espalier::testing
