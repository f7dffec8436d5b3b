// SPDX-License-Identifier: Apache-2.0
#include "known.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::milp {
namespace {

/// A series of as many entries as there are images.
const std::vector<double>& series_of(const Metrics& radii, std::string_view name) {
  const auto images = radii.series.find("image");
  const auto found = radii.series.find(name);
  if (found != radii.series.end() && images != radii.series.end() && found->second.size() == images->second.size()) {
    return found->second;
  }
  throw Error(Code::request, fmt::format("'radii' has no series '{}' with an entry an image", name),
              "give the metrics of crown.radius, or leave 'radii' out");
}

}  // namespace

Known::Known(const std::vector<Gathered>& attacks, const std::vector<Gathered>& radii, std::size_t pixels) {
  for (const Gathered& g : attacks) add(g.as<Attacks>(), pixels);
  for (const Gathered& g : radii) add(g.as<Metrics>());
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

void Known::add(const Metrics& radii) {
  const auto& image = series_of(radii, "image");
  const auto& label = series_of(radii, "label");
  const auto& target = series_of(radii, "target");
  const auto& proven = series_of(radii, "proven_radius");
  for (std::size_t i = 0; i < image.size(); ++i) {
    Radius radius{.target = {}, .proven = proven[i]};
    if (target[i] >= 0) radius.target = static_cast<std::int64_t>(target[i]);
    radii_.emplace(Image{static_cast<std::int64_t>(image[i]), static_cast<std::int64_t>(label[i])}, radius);
  }
}

std::vector<std::span<const float>> Known::points(const Instances::Row& question) const {
  std::vector<std::span<const float>> out;
  const auto [begin, end] = points_.equal_range({question.image, question.label});
  for (auto it = begin; it != end; ++it) out.push_back(it->second);
  return out;
}

double Known::proven(const Instances::Row& question) const {
  double most = 0;
  const auto [begin, end] = radii_.equal_range({question.image, question.label});
  for (auto it = begin; it != end; ++it) {
    const Radius& radius = it->second;
    // Against every class holds against one; NaN is no more than anything.
    if (!radius.target || radius.target == question.target) most = std::max(most, radius.proven);
  }
  return most;
}

}  // namespace espalier::milp
