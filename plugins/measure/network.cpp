// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <future>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/fit.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "forward.hpp"
#include "stages.hpp"
#include "unstable.hpp"

namespace espalier::measure {
namespace {

struct Params {
  std::vector<double> epsilons = {0.1};
  std::int64_t images = 100;
};

constexpr std::int64_t kSamplesATask = 64;  // a fraction of a second even for a convolutional network

/// How many samples of [begin, end) get their label.
std::int64_t count_correct(const Network& network, const Split& split, std::int64_t begin, std::int64_t end) {
  const auto pixels = split.images.as<std::uint8_t>();
  const auto labels = split.labels.as<std::int64_t>();
  const auto elements = static_cast<std::size_t>(element_count(network.input_shape()));
  std::int64_t correct = 0;
  for (auto first = static_cast<std::size_t>(begin); first < static_cast<std::size_t>(end); first += kLanes) {
    const std::size_t lanes = std::min(kLanes, static_cast<std::size_t>(end) - first);
    Batch<double> input(elements, Lanes<double>{});
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      for (std::size_t i = 0; i < elements; ++i) input[i][lane] = pixels[(first + lane) * elements + i] / 255.0;
    }
    const auto output = forward(network, std::move(input)).back();
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      std::vector<double> scores;
      for (const Lanes<double>& score : output) scores.push_back(score[lane]);
      if (argmax(scores) == labels[first + lane]) ++correct;
    }
  }
  return correct;
}

double accuracy(const Network& network, const Split& split, Context& ctx) {
  std::int64_t correct = 0;
  std::int64_t at = 0;
  while (at < split.size()) {
    ctx.check_stop();
    std::vector<std::future<std::int64_t>> others;
    const std::int64_t end = std::min(split.size(), at + kSamplesATask * ctx.threads());
    const std::int64_t own_end = std::min(end, at + kSamplesATask);
    for (std::int64_t begin = own_end; begin < end; begin += kSamplesATask) {
      others.push_back(std::async(std::launch::async, [&network, &split, begin, end] {
        return count_correct(network, split, begin, std::min(end, begin + kSamplesATask));
      }));
    }
    correct += count_correct(network, split, at, own_end);
    for (auto& other : others) correct += other.get();
    at = end;
    ctx.progress(static_cast<double>(at), static_cast<double>(split.size()));
  }
  return static_cast<double>(correct) / static_cast<double>(split.size());
}

Boxes boxes_of(const Instances* instances, const Dataset& dataset, std::int64_t images) {
  if (instances != nullptr) {
    return {
        .centres = instances->centres.to_doubles(), .clip_low = instances->clip_low, .clip_high = instances->clip_high};
  }
  Boxes out{.centres = dataset.test.images.rows(0, std::min(images, dataset.test.size())).to_doubles()};
  for (double& pixel : out.centres) pixel /= 255.0;
  return out;
}

void run(const Params& p, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  const auto& dataset = ctx.in<Dataset>("dataset");
  const auto* instances = ctx.in_optional<Instances>("instances");
  require_fit(network, dataset);
  if (instances != nullptr) require_fit(network, *instances);
  Metrics out;
  out.values = {{"accuracy", accuracy(network, dataset.test, ctx)},
                {"hidden_neurons", static_cast<double>(network.hidden_neurons())},
                {"weights", static_cast<double>(network.weights())},
                {"zero_weights", static_cast<double>(network.zero_weights())},
                {"remaining_weights", static_cast<double>(network.remaining_weights())}};
  const Boxes boxes = boxes_of(instances, dataset, p.images);
  if (!boxes.centres.empty()) {
    for (const double epsilon : p.epsilons) {
      out.series["epsilon"].push_back(epsilon);
      out.series["unstable_neurons"].push_back(unstable_neurons(network, boxes, epsilon, ctx));
    }
    if (!p.epsilons.empty()) out.values["unstable_neurons"] = out.series["unstable_neurons"].front();
  }
  ctx.out("metrics", std::move(out));
}

}  // namespace

void describe_network(PluginBuilder& plugin) {
  plugin.stage("network", run)
      .doc(
          "Measures a network: accuracy on the test split, neurons, weights, and how many neurons are unstable, that "
          "is, "
          "neither always on nor always off, in boxes around images. The bounds are intervals.")
      .input<Network>("network", "network to measure")
      .input<Dataset>("dataset", "its test split gives the accuracy")
      .input<Instances>("instances", "the boxes' centres; the first test images when left out")
      .optional()
      .output<Metrics>(
          "metrics",
          "accuracy, hidden_neurons, weights, zero_weights, remaining_weights, unstable_neurons (at the first "
          "epsilon; a series for all)")
      .param("epsilons", &Params::epsilons, "half widths of the boxes; none leaves unstable neurons out")
      .range(0, 1)
      .param("images", &Params::images, "test images to take as centres when there are no instances")
      .at_least(1);
}

}  // namespace espalier::measure
