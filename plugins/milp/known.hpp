// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <espalier/results.hpp>
#include <espalier/stage.hpp>

namespace espalier::milp {

/// What other stages found out about distances: where the search for a distortion begins. Borrows the artifacts.
class Known {
 public:
  /// Throws Error(request) when points are of another size than `pixels`, or radii do not say what they are about.
  Known(const std::vector<Gathered>& attacks, const std::vector<Gathered>& radii, std::size_t pixels);

  /// The points that attacks kept of an image. They may be anything: to be replayed.
  std::vector<std::span<const float>> points(const Instances::Row& question) const;
  /// The largest radius that was proven of the question, or of one that asks for more; 0 when there is none.
  double proven(const Instances::Row& question) const;

 private:
  using Image = std::pair<std::int64_t, std::int64_t>;  // with its label
  struct Radius {
    std::optional<std::int64_t> target;
    double proven = 0;
  };
  void add(const Attacks& attacks, std::size_t pixels);
  void add(const Metrics& radii);

  std::multimap<Image, std::span<const float>> points_;
  std::multimap<Image, Radius> radii_;
};

}  // namespace espalier::milp
