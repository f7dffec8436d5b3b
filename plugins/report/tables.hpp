// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <espalier/report.hpp>
#include <espalier/results.hpp>
#include <espalier/stage.hpp>

#include "result_table.hpp"

namespace espalier::report {

using Labels = std::map<std::string, std::string>;

/// "baseline, epsilon 0.1": text stands for itself, a number behind its axis. Empty when there are no labels.
std::string labels_text(const Labels& labels);

/// "unstable_neurons" -> "unstable neurons"
std::string spoken(std::string name);

/// "robustness (fgsm, 0.1, 10000 images)": shares of different sets of images are not one column, nor one colour.
std::string robustness_name(const Attacks& attacks);

/// What the gathering ports brought.
struct Findings {
  std::vector<Gathered> metrics;
  std::vector<Gathered> attacks;
  std::vector<Gathered> verdicts;
  std::vector<Gathered> history;
  std::vector<Gathered> distances;
};

struct Tables {
  std::vector<ResultTable> shown;  ///< on the page and in files
  std::vector<ResultTable> kept;   ///< too long for the page: in files only
};

/// A table for all that there is data for.
Tables tables_of(const Findings& findings);

}  // namespace espalier::report
