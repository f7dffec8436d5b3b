// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device.hpp"
#include "search_state.hpp"

namespace espalier::crown {

/// A search whose open domains are kept and bounded on a device. What needs doubles or rationals comes here: leaves,
/// domains that fail narrowly, and points that may be counterexamples.
SearchResult device_search(SearchState& state, const DeviceMaker& device, const SearchOptions& options);

}  // namespace espalier::crown
