// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <espalier/property.hpp>

#include "crown/goal.hpp"

namespace espalier::testing {

/// The folder of published cases; empty without one.
inline std::string cases_folder() {
  const char* folder = std::getenv("ESPALIER_CASES");
  return folder == nullptr ? std::string() : std::string(folder);
}

/// What has to be refuted in one box of a property. Needs: factors that are floats, as +1 and -1 are.
inline std::vector<crown::Case> cases_in(const Property& property, std::size_t box) {
  std::vector<crown::Case> cases;
  for (const Property::Case& c : property.cases) {
    if (c.box != static_cast<std::int64_t>(box)) continue;
    crown::Case& goals = cases.emplace_back();
    for (const OutputConstraint& constraint : c.constraints) {
      crown::Goal& goal = goals.emplace_back();
      goal.factors.assign(static_cast<std::size_t>(property.outputs), 0);
      for (const auto& term : constraint.terms) {
        goal.factors[static_cast<std::size_t>(term.output)] = static_cast<float>(term.factor);
      }
      goal.threshold = constraint.limit;
    }
  }
  return cases;
}

/// A line of the file cases.csv beside the VNN-COMP instances.
struct PublishedCase {
  std::string set;
  std::string network;  ///< the files' paths
  std::string property;
  std::string verdict;  ///< sat, unsat, unknown
};

/// Empty when the folder has no such file.
inline std::vector<PublishedCase> published_cases(const std::string& folder) {
  std::vector<PublishedCase> cases;
  std::ifstream file(folder + "/cases.csv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    PublishedCase c;
    std::string timeout;
    for (std::string* field : {&c.set, &c.network, &c.property, &timeout, &c.verdict})
      std::getline(fields, *field, ',');
    for (std::string* path : {&c.network, &c.property}) {
      *path = folder + "/" + c.set + "/" + *path;
      if (!std::ifstream(*path)) *path += ".gz";
    }
    cases.push_back(c);
  }
  return cases;
}

}  // namespace espalier::testing
