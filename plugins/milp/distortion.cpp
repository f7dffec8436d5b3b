// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "bracket.hpp"
#include "known.hpp"
#include "solvers.hpp"
#include "stages.hpp"

namespace espalier::milp {
namespace {

struct Params {
  double largest = 1;
  double tolerance = 1e-3;
  double budget_s = 60;
  std::string solver = "clp";
};

/// The middle one, or the mean of the middle two.
double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// Brackets as series, an entry an instance, and witnesses as what an attack found.
class Findings {
 public:
  Findings(const Network& network, abstract::Interval clip, double largest) : network_(network) {
    attacks_.method = "milp.distortion";
    attacks_.epsilon = largest;
    radii_.who = "milp.distortion";
    radii_.network = abstract::content_of(network);
    radii_.clip = clip;
  }

  void add(const Instances::Row& question, std::span<const float> centre, const Bracket& bracket) {
    radii_.rows.push_back({.image = question.image,
                           .label = question.label,
                           .target = question.target,
                           .proven = bracket.low,
                           .broken = bracket.high,
                           .pixels = abstract::pixels_of(centre)});
    narrow_ += bracket.narrow;
    add_attack(question, centre, bracket);
  }

  Metrics metrics() const {
    Metrics metrics = metrics_of(radii_);
    metrics.values["images"] = static_cast<double>(radii_.rows.size());
    metrics.values["narrow"] = static_cast<double>(narrow_);
    if (!radii_.rows.empty()) {
      metrics.values["median_low"] = median(metrics.series["distortion_low"]);
      metrics.values["median_high"] = median(metrics.series["distortion_high"]);
    }
    return metrics;
  }

  Attacks attacks() {
    Shape shape = network_.input_shape();
    shape.insert(shape.begin(), static_cast<std::int64_t>(attacks_.point_rows.size()));
    attacks_.points = Tensor::of(std::move(shape), std::move(points_));
    return std::move(attacks_);
  }

 private:
  void add_attack(const Instances::Row& question, std::span<const float> centre, const Bracket& bracket) {
    const std::vector<double> exact(centre.begin(), centre.end());
    const std::vector<double> scores = network_.forward(exact);
    Attacks::Row row{.image = question.image, .label = question.label, .predicted = argmax(scores)};
    row.adversarial_class = row.predicted;
    row.margin = margin(scores, question);
    row.found = bracket.witness && row.predicted == row.label;
    if (row.found) {
      const std::vector<double> there =
          network_.forward(std::vector<double>(bracket.witness->begin(), bracket.witness->end()));
      row.margin = margin(there, question);
      row.adversarial_class = best_other(there, question);
      row.distance = bracket.high;
      attacks_.point_rows.push_back(static_cast<std::int64_t>(attacks_.rows.size()));
      points_.insert(points_.end(), bracket.witness->begin(), bracket.witness->end());
    }
    attacks_.rows.push_back(row);
  }

  static std::int64_t best_other(std::vector<double> scores, const Instances::Row& question) {
    if (question.target) return *question.target;
    scores[static_cast<std::size_t>(question.label)] = -HUGE_VAL;
    return argmax(scores);
  }

  static double margin(const std::vector<double>& scores, const Instances::Row& question) {
    return scores[static_cast<std::size_t>(question.label)] -
           scores[static_cast<std::size_t>(best_other(scores, question))];
  }

  const Network& network_;
  abstract::Radii radii_;
  Attacks attacks_;
  std::vector<float> points_;
  std::int64_t narrow_ = 0;
};

void measure(const Params& params, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  const auto& instances = ctx.in<Instances>("instances");
  require_fit(network, instances);
  const linear::CompleteVerifier verifier(network, {.solver = solver_named(params.solver)});
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto centres = instances.centres.as<float>();
  const abstract::Interval clip{instances.clip_low, instances.clip_high};
  const Known known(ctx.all("attacks"), ctx.all("radii"), network, clip);
  Findings findings(network, clip, params.largest);
  for (std::size_t i = 0; i < instances.rows.size(); ++i) {
    const Instances::Row& row = instances.rows[i];
    const auto centre = centres.subspan(i * pixels, pixels);
    const Quest quest{.label = row.label,
                      .target = row.target,
                      .centre = centre,
                      .clip = clip,
                      .largest = params.largest,
                      .tolerance = params.tolerance,
                      .proven = known.proven(row, centre),
                      .points = known.points(row)};
    findings.add(row, centre, smallest_distortion(verifier, quest, abstract::clock_of(ctx, params.budget_s)));
    ctx.progress(static_cast<double>(i + 1), static_cast<double>(instances.rows.size()));
  }
  ctx.out("metrics", findings.metrics());
  ctx.out("attacks", findings.attacks());
}

}  // namespace

void add_distortion(PluginBuilder& plugin) {
  plugin.stage("distortion", measure)
      .doc(
          "Brackets, image by image, the smallest L-infinity distortion that changes the answer: within the low end it "
          "is proven that there is none, at the high end there is one. Begins at what attacks and proofs found before, "
          "if they are given. Questions are answered as by milp.verify.")
      .revision(4)
      .repeatable(Repeatable::budgeted)
      .input<Network>("network", "the network to be measured")
      .input<Instances>("instances", "the images; their own epsilons are not used")
      .inputs<Attacks>("attacks", "what attacks found on this network: points that they kept are replayed")
      .optional()
      .inputs<Metrics>(
          "radii", "metrics of crown.radius on this network and these images: radii that it proved are taken as proven")
      .optional()
      .output<Metrics>("metrics",
                       "series distortion_low and distortion_high (infinite when none was found), an entry an "
                       "instance, and what they are true of, as crown.radius has it; their medians; in how many the "
                       "bracket is as narrow as asked for, or nothing below `largest` is left open")
      .output<Attacks>("attacks", "the distorted images at the high ends")
      .param("largest", &Params::largest, "distortions above are not looked for, in pixel units")
      .at_least(0)
      .param("tolerance", &Params::tolerance, "width of a bracket that is narrow enough")
      .at_least(0)
      .param(
          "budget_s", &Params::budget_s,
          "seconds an image may take, replays of what attacks found among them; 0: until the bracket is narrow enough")
      .at_least(0)
      .param("solver", &Params::solver, kSolverDoc)
      .choices({"clp", "cbc", "highs"});
}

}  // namespace espalier::milp
