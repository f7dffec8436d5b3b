// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::plugin {

/// The fields behind the ABI mark in a library's bytes, "abi=1;compiler=..."; nothing when there is no mark.
std::optional<std::string> find_abi_mark(std::string_view bytes);

/// What this engine was built as, in the form of the mark.
ESPALIER_API std::string_view engine_abi();

/// "std mismatch: plugin has '202302L', engine has '202002L'", one for every field that differs. `torch` is not
/// compared: the engine has none, so it is the plugins that must agree with each other.
std::vector<std::string> abi_differences(std::string_view plugin_fields, std::string_view engine_fields);

/// The LibTorch version in a mark's fields, or "none".
std::string torch_version(std::string_view fields);

}  // namespace espalier::plugin
