// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tables.hpp"
#include "view.hpp"

namespace espalier::report {

/// Plots of all that there is data for, drawn in the page by Vega, which is part of it. Empty when there is nothing.
std::string html_plots(const Findings& findings, const View& view);

}  // namespace espalier::report
