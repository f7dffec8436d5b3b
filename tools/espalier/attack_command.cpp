// SPDX-License-Identifier: Apache-2.0
// attack: a stage of the plugin `attack` on the test images of a data set, no pipeline.
#include <algorithm>
#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <espalier/dataset.hpp>
#include <espalier/results.hpp>

#include "model_file.hpp"
#include "options.hpp"
#include "output_file.hpp"
#include "plugin/loader.hpp"
#include "stage_call.hpp"

namespace espalier::cli {
namespace {

using Clock = std::chrono::steady_clock;

std::shared_ptr<const Dataset> read_images(const plugin::Registry& registry, const std::string& name) {
  StageCall call(registry, "data.idx");
  call.set("name", Value(name));
  call.set("train_limit", std::int64_t{1});  // the others are not asked for
  call.run();
  return call.result<Dataset>("dataset");
}

std::shared_ptr<const Attacks> found(const plugin::Registry& registry, const Options& options) {
  StageCall call(registry, "attack." + options.attack);
  call.give("network", std::make_shared<const Network>(read_model(options.model)));
  call.give("dataset", read_images(registry, options.data));
  call.set("epsilon", options.epsilon);
  call.set("limit", options.images);
  call.set("target", Value(options.target));
  call.sit(seat_for(call.stage(), options));
  call.run();
  return call.result<Attacks>("attacks");
}

struct Counts {
  std::int64_t correct = 0;
  std::int64_t found = 0;
};

Counts counts_of(const Attacks& attacks) {
  return {.correct = std::ranges::count_if(attacks.rows, [](const auto& r) { return r.predicted == r.label; }),
          .found = std::ranges::count_if(attacks.rows, [](const auto& r) { return r.found; })};
}

void print_table(const Attacks& attacks, const Options& options, double seconds) {
  fmt::print("{:>6} {:>6} {:>10} {:>6} {:>6} {:>10} {:>12}\n", "image", "label", "predicted", "found", "class",
             "distance", "margin");
  for (const Attacks::Row& r : attacks.rows) {
    fmt::print("{:>6} {:>6} {:>10} {:>6} {:>6} {:>10} {:>12.6g}\n", r.image, r.label, r.predicted,
               r.found ? "yes" : "no", r.found ? fmt::format("{}", r.adversarial_class) : "-",
               r.found ? fmt::format("{:.6g}", r.distance) : "-", r.margin);
  }
  const Counts counts = counts_of(attacks);
  fmt::print(
      "{} images of {}, {}, epsilon {}: {} classified correctly, an adversarial found for {} of them; "
      "robustness {:.4f}; {:.1f} s\n",
      attacks.rows.size(), options.data, attacks.method, attacks.epsilon, counts.correct, counts.found,
      attacks.robustness(), seconds);
}

void print_json(const Attacks& attacks, const Options& options, double seconds) {
  const Counts counts = counts_of(attacks);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Attacks::Row& r : attacks.rows) {
    nlohmann::ordered_json row = {
        {"image", r.image}, {"label", r.label}, {"predicted", r.predicted}, {"found", r.found}};
    if (r.found) row.update({{"class", r.adversarial_class}, {"distance", r.distance}});
    row["margin"] = r.margin;
    rows.push_back(std::move(row));
  }
  const nlohmann::ordered_json out = {
      {"attack", attacks.method},           {"data", options.data},      {"epsilon", attacks.epsilon},
      {"images", attacks.rows.size()},      {"correct", counts.correct}, {"found", counts.found},
      {"robustness", attacks.robustness()}, {"seconds", seconds},        {"rows", std::move(rows)}};
  fmt::print("{}\n", out.dump());
}

}  // namespace

int attack_command(const Options& options) {
  const auto begin = Clock::now();
  require_output_files(std::vector<core::Path>{options.output}, input_files(options.model));
  plugin::Registry registry;
  const auto refused = plugin::load_plugins(plugin::search_path(options.plugin_path), registry);
  for (const plugin::Refused& r : refused) {
    if (r.named_explicitly) throw Error(Code::request, r.why);
  }
  const auto attacks = found(registry, options);
  if (!attacks) throw Error(Code::internal, fmt::format("'attack.{}' gave no attacks", options.attack));
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!options.output.empty()) write_output_file(options.output, artifact_bytes(*attacks));
  options.json ? print_json(*attacks, options, seconds) : print_table(*attacks, options, seconds);
  return kOk;
}

}  // namespace espalier::cli
