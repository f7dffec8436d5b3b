// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cache/fingerprint.hpp"
#include "cache/store.hpp"

namespace espalier::cache {

/// One reason with both values: "parameter 'rate' changed: 0.75 -> 0.5".
struct Reason {
  std::string text;
  std::string parameter;  ///< set when a parameter is the reason, so that its place can be shown
  bool changed = true;    ///< false for a note like "input 'network' unchanged"
};

/// Why `now` has another key than `then`. Empty only when they are equal.
ESPALIER_API std::vector<Reason> differences(const Ingredients& then, const Ingredients& now);

}  // namespace espalier::cache
