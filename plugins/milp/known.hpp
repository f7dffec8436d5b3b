// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <abstract/radii.hpp>

#include <espalier/results.hpp>
#include <espalier/stage.hpp>

namespace espalier::milp {

/// What other stages found out about distances: where the search for a distortion begins. Borrows the artifacts.
class Known {
 public:
  /// Throws Error(request) when points are of another size than the network's input, or radii are of another network or
  /// of pixels in another range.
  Known(const std::vector<Gathered>& attacks, const std::vector<Gathered>& radii, const Network& network,
        abstract::Interval clip);

  /// The points that attacks kept of an image. They may be anything: to be replayed.
  std::vector<std::span<const float>> points(const Instances::Row& question) const;
  /// The largest radius that was proven of the question, or of one that asks for more; 0 when there is none. Throws
  /// Error(request) when it was proven of an image of that number with other pixels.
  double proven(const Instances::Row& question, std::span<const float> centre) const;

 private:
  using Image = std::pair<std::int64_t, std::int64_t>;  // with its label
  void add(const Attacks& attacks, std::size_t pixels);

  std::multimap<Image, std::span<const float>> points_;
  std::multimap<Image, abstract::Radii::Row> radii_;
};

}  // namespace espalier::milp
