// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace espalier::report {

/// JavaScript that defines `espalier_draw(specification, element)`.
std::string_view vega_script();

}  // namespace espalier::report
