// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/stage.hpp>

namespace espalier::measure {

/// Boxes of half width epsilon around centres, inside a range.
struct Boxes {
  std::vector<double> centres;  ///< sample after sample
  double clip_low = 0;
  double clip_high = 1;
};

/// The number of neurons whose interval bounds before the ReLU lie on both sides of 0, as a mean over the boxes.
double unstable_neurons(const Network& network, const Boxes& boxes, double epsilon, Context& ctx);

}  // namespace espalier::measure
