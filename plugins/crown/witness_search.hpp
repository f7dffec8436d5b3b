// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "goal.hpp"
#include "leaf_program.hpp"

namespace espalier::crown {

enum class Found : std::uint8_t {
  taken,    ///< the trial took an input
  missed,   ///< there are some over the reals in the trial's box
  nothing,  ///< there are none
};

/// Looks for an input in doubles at which all goals of a case fail, in a part where the network is linear: the lowest
/// point; then, when few inputs vary, coordinate by coordinate one that leaves the others room, in two ways. There may
/// be none: a single point of rational numbers is no double. Needs: usable numbers.
Found search_witness(const LeafQuestion& question, std::size_t which, const InputTrial& trial);

}  // namespace espalier::crown
