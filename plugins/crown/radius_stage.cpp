// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <abstract/radii.hpp>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>
#include <espalier/results.hpp>

#include "radius.hpp"
#include "stages.hpp"

namespace espalier::crown {
namespace {

void require_classes(const Network& network) {
  if (element_count(network.output_shape()) >= 2) return;
  throw Error(Code::unsupported, "the network has one output; robustness needs at least two classes",
              "give a network that classifies");
}

/// Needs: no NaN; infinite values last and not first.
double median(const std::vector<double>& sorted) {
  const std::size_t half = sorted.size() / 2;
  return sorted.size() % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/// Of all images; infinite when one of an image is.
void summarise(const std::string& name, std::vector<double> radii, Metrics& metrics) {
  if (radii.empty()) return;
  std::ranges::sort(radii);
  const double sum = std::accumulate(radii.begin(), radii.end(), 0.0);
  metrics.values[name + "_mean"] = sum / static_cast<double>(radii.size());
  metrics.values[name + "_median"] = median(radii);
}

}  // namespace

void certified_radius(const RadiusParams& params, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  const auto& instances = ctx.in<Instances>("instances");
  require_classes(network);
  require_fit(network, instances);
  const RadiusSearch search(network, {.largest = params.largest,
                                      .tolerance = params.tolerance,
                                      .budget_s = params.budget_s,
                                      .threads = ctx.threads(),
                                      .device = Device::chosen(params.device, ctx.device())});
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto centres = instances.centres.as<float>();
  abstract::Radii radii{.who = "crown.radius",
                        .network = abstract::content_of(network),
                        .clip = {instances.clip_low, instances.clip_high},
                        .rows = {}};
  std::vector<double> questions;
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    ctx.check_stop();
    const Instances::Row& row = instances.rows[i];
    const auto centre = centres.subspan(i * pixels, pixels);
    const Radius radius = search.find({.label = row.label, .target = row.target, .box = nullptr}, centre, radii.clip,
                                      [&ctx] { ctx.check_stop(); });
    radii.rows.push_back({.image = row.image,
                          .label = row.label,
                          .target = row.target,
                          .proven = radius.proven,
                          .broken = radius.attacked,
                          .pixels = abstract::pixels_of(centre)});
    questions.push_back(static_cast<double>(radius.questions));
    const std::string target = row.target ? fmt::format(", target {}", *row.target) : "";
    ctx.log(
        fmt::format("image {}{}: proven {:.5f}, attacked {:.5f}", row.image, target, radius.proven, radius.attacked));
    ctx.progress(static_cast<double>(i + 1), static_cast<double>(instances.rows.size()));
  }
  Metrics metrics = metrics_of(radii);
  metrics.series["questions"] = std::move(questions);
  summarise("proven_radius", metrics.series["proven_radius"], metrics);
  summarise("attacked_radius", metrics.series["attacked_radius"], metrics);
  ctx.out("metrics", std::move(metrics));
}

}  // namespace espalier::crown
