// SPDX-License-Identifier: Apache-2.0
#include "radii.hpp"

#include <array>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::measure {
namespace {

/// Who tells of radii, and in which series.
struct Teller {
  const char* who;
  const char* proven;
  const char* broken;
};
constexpr std::array<Teller, 2> kTellers{
    {{"crown.radius", "proven_radius", "attacked_radius"}, {"milp.distortion", "distortion_low", "distortion_high"}}};

const std::vector<double>& series_of(const Metrics& metrics, const char* name) {
  const auto images = metrics.series.find("image");
  const auto found = metrics.series.find(name);
  if (found != metrics.series.end() && images != metrics.series.end() &&
      found->second.size() == images->second.size()) {
    return found->second;
  }
  throw Error(Code::request, fmt::format("'radii' has no series '{}' with an entry an image", name),
              "give the metrics of crown.radius or milp.distortion");
}

}  // namespace

Radii radii_in(const Metrics& metrics) {
  const Teller& teller = metrics.series.contains(kTellers[1].proven) ? kTellers[1] : kTellers[0];
  const auto& image = series_of(metrics, "image");
  const auto& label = series_of(metrics, "label");
  const auto& target = series_of(metrics, "target");
  const auto& proven = series_of(metrics, teller.proven);
  const auto& broken = series_of(metrics, teller.broken);
  Radii out{.who = teller.who, .rows = {}};
  for (std::size_t i = 0; i < image.size(); ++i) {
    Radii::Row row{.image = static_cast<std::int64_t>(image[i]),
                   .label = static_cast<std::int64_t>(label[i]),
                   .target = {},
                   .proven = proven[i],
                   .broken = broken[i]};
    if (target[i] >= 0) row.target = static_cast<std::int64_t>(target[i]);
    out.rows.push_back(row);
  }
  return out;
}

}  // namespace espalier::measure
