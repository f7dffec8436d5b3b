// SPDX-License-Identifier: Apache-2.0
// Neuron pruning by batch norm weights. Guidotti et al. 2020, section 3, algorithm 1, lines 3 to 6.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "chain.hpp"
#include "choice.hpp"
#include "stages.hpp"

namespace espalier::prune {
namespace {

struct Params {
  double rate = 0.5;
  std::string rule = "threshold";
  bool strict = false;
  std::int64_t keep_at_least = 2;
  double keep_share = 0.1;
  bool fold_bias = true;
};

std::vector<std::vector<double>> importance_of(const Network& network, const std::vector<HiddenLayer>& hidden) {
  std::vector<std::vector<double>> out;
  for (const HiddenLayer& layer : hidden) {
    out.push_back(std::get<BatchNorm>(network.layers()[layer.batch_norm].op).gamma.to_doubles());
    for (double& gamma : out.back()) gamma = std::abs(gamma);
  }
  return out;
}

std::int64_t floor_of(const Params& p, std::size_t neurons) {
  if (p.strict) return 0;
  const auto share = static_cast<std::int64_t>(std::ceil(p.keep_share * static_cast<double>(neurons)));
  return std::min(static_cast<std::int64_t>(neurons), std::max(p.keep_at_least, share));
}

void require_neurons(const Network& network, const std::vector<HiddenLayer>& hidden, const Choice& choice,
                     double rate) {
  for (std::size_t i = 0; i < hidden.size(); ++i) {
    if (!choice.keep[i].empty()) continue;
    throw Error(
        Code::unsupported,
        fmt::format("layer '{}' would lose all its {} neurons at rate {}", network.layers()[hidden[i].linear].name,
                    network.value_shape(static_cast<int>(hidden[i].linear) + 1)[0], rate),
        "set strict = false to keep a few neurons in every layer, or train with a smaller gamma penalty");
  }
}

std::string neurons(std::int64_t count) {
  return fmt::format("{} neuron{}", count, count == 1 ? "" : "s");
}

void report(const Choice& choice, Context& ctx) {
  if (choice.rescued > 0) {
    ctx.log(
        fmt::format("kept {} at or below the threshold, as too few would be left in a layer", neurons(choice.rescued)));
  }
  if (choice.pruned < choice.wanted) {
    ctx.log(fmt::format("pruned {} in place of {}: every layer is at its lower limit", neurons(choice.pruned),
                        choice.wanted));
  }
}

Metrics metrics_of(const Choice& choice, const std::vector<std::vector<double>>& importance, const Params& p,
                   const Network& pruned) {
  Metrics out;
  std::vector<double> before;
  std::vector<double> after;
  for (std::size_t i = 0; i < importance.size(); ++i) {
    before.push_back(static_cast<double>(importance[i].size()));
    after.push_back(static_cast<double>(choice.keep[i].size()));
  }
  out.series = {{"neurons_before", std::move(before)}, {"neurons_kept", std::move(after)}};
  out.values = {{"rate", p.rate},
                {"threshold", choice.threshold},
                {"neurons_pruned", static_cast<double>(choice.pruned)},
                {"neurons_rescued", static_cast<double>(choice.rescued)},
                {"neurons_short", static_cast<double>(choice.wanted - choice.pruned)},
                {"hidden_neurons", static_cast<double>(pruned.hidden_neurons())},
                {"weights", static_cast<double>(pruned.weights())}};
  return out;
}

void run(const Params& p, Context& ctx) {
  if (!(p.rate >= 0 && p.rate < 1)) {
    throw Error(Code::request, fmt::format("rate {} would prune every neuron", p.rate),
                "give a rate from 0 to below 1");
  }
  const auto& network = ctx.in<Network>("network");
  const auto hidden = hidden_layers(network);
  ChoiceRequest request{.importance = importance_of(network, hidden),
                        .rate = p.rate,
                        .rule = p.rule == "count" ? Rule::count : Rule::threshold,
                        .floors = {}};
  for (const auto& layer : request.importance) request.floors.push_back(floor_of(p, layer.size()));
  const Choice choice = choose(request);
  require_neurons(network, hidden, choice, p.rate);
  report(choice, ctx);
  Network pruned = without_neurons(network, hidden, {.keep = choice.keep, .fold_bias = p.fold_bias});
  ctx.out("metrics", metrics_of(choice, request.importance, p, pruned));
  ctx.out("network", std::move(pruned));
}

}  // namespace

void describe_neurons(PluginBuilder& plugin) {
  plugin.stage("neurons", run)
      .doc(
          "Removes the hidden neurons with the smallest batch norm weights |gamma|, over all layers together. Takes a "
          "chain: flatten or batch norm layers, then linear, batch norm, ReLU any number of times, then linear.")
      .input<Network>("network",
                      "network with a batch norm after every hidden linear layer, trained with a gamma penalty")
      .output<Network>("network", "the smaller network")
      .output<Metrics>("metrics", "neurons kept by layer, the threshold, neurons that a lower limit rescued")
      .param("rate", &Params::rate, "share of the hidden neurons that goes, below 1; 0 prunes nothing")
      .range(0, 1)
      .param("rule", &Params::rule,
             "threshold: all neurons up to the value at int(total * rate) of the sorted list go, equals too; count: "
             "exactly int(total * rate) + 1 go, of equals the first")
      .choices({"threshold", "count"})
      .param("strict", &Params::strict,
             "apply the rule to the letter, with no lower limit by layer; an emptied layer is then an error")
      .param("keep_at_least", &Params::keep_at_least,
             "neurons that stay in every layer; others go in their place, so that the total stays the rule's")
      .at_least(1)
      .param("keep_share", &Params::keep_share, "share of its neurons that stays in every layer, like keep_at_least")
      .range(0, 1)
      .param("fold_bias", &Params::fold_bias,
             "keep the constant max(0, beta) of a removed neuron in the next bias; exact where its gamma is 0");
}

}  // namespace espalier::prune
