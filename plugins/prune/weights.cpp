// SPDX-License-Identifier: Apache-2.0
// Weight pruning by magnitude. Guidotti et al. 2020, section 3, algorithm 2, lines 3 to 6.
#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "stages.hpp"

namespace espalier::prune {
namespace {

struct Params {
  double rate = 0.5;
  double at_most = 0;
  std::string layers = "all";
};

/// A weight by its place, so that equal magnitudes have one order.
struct Candidate {
  float magnitude = 0;
  std::uint32_t layer = 0;
  std::int64_t index = 0;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.magnitude, a.layer, a.index) < std::tie(b.magnitude, b.layer, b.index);
  }
};

/// Calls `use(layer index, op)` for the layers with weights that may be pruned.
template <class Layers, class Use>
void for_each_weighted(Layers& layers, const std::string& which, Use use) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (auto* linear = std::get_if<Linear>(&layers[i].op); linear != nullptr && which != "conv2d") use(i, *linear);
    if (auto* conv = std::get_if<Conv2d>(&layers[i].op); conv != nullptr && which != "linear") use(i, *conv);
  }
}

std::vector<Candidate> candidates_of(const std::vector<Layer>& layers, const std::string& which) {
  std::vector<Candidate> out;
  for_each_weighted(layers, which, [&](std::size_t layer, const auto& op) {
    std::int64_t index = 0;
    for (const float w : op.weight.template as<float>()) {
      out.push_back({std::abs(w), static_cast<std::uint32_t>(layer), index++});
    }
  });
  return out;
}

/// Zeroes what `keep` says and what was masked before.
template <class Op>
void apply_mask(Op& op, std::vector<std::uint8_t> keep) {
  std::vector<float> weight = op.weight.to_floats();
  if (!op.mask.empty()) {
    const auto before = op.mask.template as<std::uint8_t>();
    for (std::size_t i = 0; i < keep.size(); ++i) keep[i] = before[i] == 0 ? 0 : keep[i];
  }
  for (std::size_t i = 0; i < keep.size(); ++i) weight[i] = keep[i] == 0 ? 0.0F : weight[i];
  op.weight = Tensor::of(op.weight.shape(), std::move(weight));
  op.mask = Tensor::of(op.weight.shape(), std::move(keep));
}

/// How many weights stay.
std::ptrdiff_t kept_of(const std::vector<Candidate>& candidates, const Params& p) {
  if (p.at_most > 0) {
    return std::ranges::count_if(candidates, [&](const Candidate& c) { return !(c.magnitude <= p.at_most); });
  }
  // By rank, not by threshold: the counts of table 4 are the nearest to total * (1 - rate), equals notwithstanding.
  return static_cast<std::ptrdiff_t>(std::llround(static_cast<double>(candidates.size()) * (1 - p.rate)));
}

void require_rate(const Params& p) {
  if (p.at_most > 0 || (p.rate >= 0 && p.rate < 1)) return;
  throw Error(Code::request, fmt::format("rate {} would prune every weight", p.rate), "give a rate from 0 to below 1");
}

/// A layer without weights gives the same for every input, and training cannot bring back what a mask holds at zero.
void report(const Layer& layer, std::size_t weights, std::ptrdiff_t kept, Context& ctx) {
  if (kept > 0 || weights == 0) return;
  ctx.log(fmt::format("layer '{}' collapsed: none of its {} weights {} left", layer.name, weights,
                      weights == 1 ? "is" : "are"));
}

void run(const Params& p, Context& ctx) {
  require_rate(p);
  const auto& network = ctx.in<Network>("network");
  std::vector<Layer> layers = network.layers();
  std::vector<Candidate> candidates = candidates_of(layers, p.layers);
  const std::ptrdiff_t kept = kept_of(candidates, p);
  const auto first_kept = candidates.end() - kept;
  if (kept > 0) std::nth_element(candidates.begin(), first_kept, candidates.end());

  std::vector<std::vector<std::uint8_t>> keep(layers.size());
  for_each_weighted(layers, p.layers, [&](std::size_t i, const auto& op) {
    keep[i].assign(static_cast<std::size_t>(op.weight.size()), 1);
  });
  float threshold = 0;
  for (auto it = candidates.begin(); it != first_kept; ++it) {
    keep[it->layer][static_cast<std::size_t>(it->index)] = 0;
    threshold = std::max(threshold, it->magnitude);
  }
  Metrics metrics;
  for_each_weighted(layers, p.layers, [&](std::size_t i, auto& op) {
    apply_mask(op, std::move(keep[i]));
    const auto mask = op.mask.template as<std::uint8_t>();
    const std::ptrdiff_t left = std::ranges::count(mask, 1);
    report(layers[i], mask.size(), left, ctx);
    metrics.series["weights_kept"].push_back(static_cast<double>(left));
  });
  Network pruned(network.input_shape(), std::move(layers));
  const auto total = static_cast<double>(candidates.size());
  metrics.values = {{"rate", p.at_most > 0 ? 1 - static_cast<double>(kept) / total : p.rate},
                    {"threshold", threshold},
                    {"weights", static_cast<double>(pruned.weights())},
                    {"remaining_weights", static_cast<double>(pruned.remaining_weights())}};
  ctx.out("metrics", std::move(metrics));
  ctx.out("network", std::move(pruned));
}

}  // namespace

void describe_weights(PluginBuilder& plugin) {
  plugin.stage("weights", run)
      .doc(
          "Sets the weights of smallest magnitude to zero, over all layers together, and masks them so that they stay "
          "zero when the network is trained further. Biases are left alone. A layer that loses all of its weights is "
          "named in the log.")
      .input<Network>("network", "trained network")
      .output<Network>("network", "the same network with masks; its shape does not change")
      .output<Metrics>("metrics", "the threshold, weights kept by layer")
      .param("rate", &Params::rate, "share of the weights that goes, below 1; 0 prunes nothing")
      .range(0, 1)
      .param("at_most", &Params::at_most,
             "when above 0: the weights of at most this magnitude go, and `rate` is not used. For what training leaves "
             "close to zero and a solver should see as zero; measure the network again after it")
      .at_least(0)
      .neutral(0.0)
      .param("layers", &Params::layers, "kind of layers whose weights are ranked and pruned")
      .choices({"all", "linear", "conv2d"});
}

}  // namespace espalier::prune
