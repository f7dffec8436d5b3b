// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <espalier/dataset.hpp>
#include <espalier/results.hpp>
#include <espalier/stage.hpp>

namespace espalier::report {

/// Up to `count` test images, each with the adversarial points that were kept for it and what they changed, as HTML.
/// The images of `instances` when given, else those with points. Empty when no point was kept.
std::string html_samples(const Dataset& dataset, const Instances* instances, const std::vector<Gathered>& attacks,
                         std::int64_t count);

}  // namespace espalier::report
