// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/store.hpp"

namespace espalier::cache {

/// An action as `actions/ab/<key>.json` holds it: JSON for people and scripts, with a digest over itself in the field
/// "check", so that a torn, edited or foreign file is known for what it is.
std::string encode_action(const Action& action);
/// Nothing when the bytes are not a whole action that `encode_action` wrote.
std::optional<Action> decode_action(std::string_view bytes);

}  // namespace espalier::cache
