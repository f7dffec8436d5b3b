// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipeline/plan.hpp"

namespace espalier::pipeline {

/// The graph of a plan, one box a section ("x 6" when it was expanded), coloured by stage family.
ESPALIER_API std::string to_dot(const Plan& plan);
ESPALIER_API std::string to_mermaid(const Plan& plan);
/// Laid out by Graphviz's dot program. Throws Error(missing) that names the package when it is not installed.
ESPALIER_API std::string to_svg(const Plan& plan);

}  // namespace espalier::pipeline
