// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace espalier::cli {

/// "1 node", "2 nodes".
template <class Number>
std::string counted(Number count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == Number{1} ? "" : "s");
}

}  // namespace espalier::cli
