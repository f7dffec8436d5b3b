// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <espalier/digest.hpp>
#include <espalier/results.hpp>

#include "rounding.hpp"

namespace espalier::abstract {

/// What a search for radii says of images of one network, whose pixels stay in one range: an image keeps its label
/// within `proven` (0: nothing is known), and does not within `broken`.
struct Radii {
  struct Row {
    std::int64_t image = 0;
    std::int64_t label = 0;
    std::optional<std::int64_t> target;
    double proven = 0;
    double broken = HUGE_VAL;  ///< infinite: nothing was found
    double pixels = 0;         ///< pixels_of the image
  };
  std::string who;  ///< "crown.radius" or "milp.distortion"
  Digest network;   ///< content_of the network
  Interval clip;
  std::vector<Row> rows;
};

/// The name of a network by its content: what the store calls it, too.
Digest content_of(const Network& network);
/// A number that other pixels do not have: 52 bits of their digest.
double pixels_of(std::span<const float> image);

/// As series and values that radii_in reads. Needs: `who` is one of the two.
Metrics metrics_of(const Radii& radii);
/// Throws Error(request) when they are no such series, or a number of them cannot be what it stands for: NaN is no
/// radius.
Radii radii_in(const Metrics& metrics);

/// Throw Error(request), naming both sides, unless the radii are of this network, this range, this image. `whose` says
/// where the other side comes from: "'network'".
void require_network(const Radii& radii, const Network& network, const std::string& whose);
void require_clip(const Radii& radii, Interval clip, const std::string& whose);
void require_pixels(const Radii::Row& row, std::span<const float> image, const std::string& whose);

}  // namespace espalier::abstract
