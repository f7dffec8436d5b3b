// SPDX-License-Identifier: Apache-2.0
#include "known.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::milp {

Known::Known(const std::vector<Gathered>& attacks, const std::vector<Gathered>& radii, const Network& network,
             abstract::Interval clip) {
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  for (const Gathered& g : attacks) add(g.as<Attacks>(), pixels);
  for (const Gathered& g : radii) {
    const abstract::Radii found = abstract::radii_in(g.as<Metrics>());
    require_network(found, network, "'network'");
    require_clip(found, clip, "'instances'");
    for (const abstract::Radii::Row& row : found.rows) radii_.emplace(Image{row.image, row.label}, row);
  }
}

void Known::add(const Attacks& attacks, std::size_t pixels) {
  const auto values = attacks.points.as<float>();
  if (values.size() != attacks.point_rows.size() * pixels) {
    throw Error(Code::request,
                fmt::format("the points of '{}' have {} numbers, but {} inputs of {} are needed", attacks.method,
                            values.size(), attacks.point_rows.size(), pixels),
                "give attacks on the same network");
  }
  for (std::size_t k = 0; k < attacks.point_rows.size(); ++k) {
    const Attacks::Row& row = attacks.rows[static_cast<std::size_t>(attacks.point_rows[k])];
    points_.emplace(Image{row.image, row.label}, values.subspan(k * pixels, pixels));
  }
}

std::vector<std::span<const float>> Known::points(const Instances::Row& question) const {
  std::vector<std::span<const float>> out;
  const auto [begin, end] = points_.equal_range({question.image, question.label});
  for (auto it = begin; it != end; ++it) out.push_back(it->second);
  return out;
}

double Known::proven(const Instances::Row& question, std::span<const float> centre) const {
  double most = 0;
  const auto [begin, end] = radii_.equal_range({question.image, question.label});
  for (auto it = begin; it != end; ++it) {
    const abstract::Radii::Row& row = it->second;
    require_pixels(row, centre, "'instances'");
    // Against every class holds against one.
    if (!row.target || row.target == question.target) most = std::max(most, row.proven);
  }
  return most;
}

}  // namespace espalier::milp
