// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tables.hpp"

namespace espalier::report {

/// How labels are spread over a plot: which of them part it, which give the colour; the rest names what is drawn.
struct View {
  std::string colour;               ///< "" when all labels together give the colour
  std::vector<std::string> facets;  ///< a plot for each combination of their values

  std::string facet(const Labels& labels) const;
  /// What the facet does not say.
  std::string row(const Labels& labels) const;
  /// The value of the label that gives the colour, else what tells things in a facet apart.
  std::string colour_of(const Labels& labels) const;
  /// What neither facet nor colour says.
  std::string style(const Labels& labels) const;
};

/// Who answered: the name that the pipeline gave, or the solver.
std::string verifier_of(const Gathered& verdicts);

/// All labels but these.
Labels without(Labels labels, const std::vector<std::string>& axes);

}  // namespace espalier::report
