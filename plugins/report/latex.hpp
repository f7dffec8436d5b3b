// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "result_table.hpp"

namespace espalier::report {

/// Text that means itself in LaTeX.
std::string escaped_latex(std::string_view text);

/// A table environment for packages booktabs and graphicx, no wider than the line.
std::string to_latex(const ResultTable& table);

}  // namespace espalier::report
