// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tables.hpp"

namespace espalier::report {

/// How much to show.
struct Shown {
  std::size_t images = 8;     ///< of each data set
  std::size_t versions = 12;  ///< of each image
};

/// Test images, each with the adversarial points and the counterexamples that were kept for it and what they changed,
/// as HTML. Data sets and instances belong to what has the same labels; with instances, only images that they ask about
/// are shown. Empty when no point was kept.
std::string html_samples(const std::vector<Gathered>& datasets, const std::vector<Gathered>& instances,
                         const Findings& findings, const Shown& shown);

}  // namespace espalier::report
