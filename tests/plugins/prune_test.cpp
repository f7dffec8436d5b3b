// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/results.hpp>

#include "support/random_network.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::testing::largest_difference;
using espalier::testing::net1;
using espalier::testing::net2;
using espalier::testing::random_chain;
using espalier::testing::StageBench;
using espalier::testing::with_changed;

namespace {

StageBench pruned(const std::string& stage, const Network& network, const ParamValues& params) {
  StageBench bench(stage);
  for (const auto& [name, value] : params) bench.set(name, value);
  bench.give("network", network).run();
  return bench;
}

Network after(const std::string& stage, const Network& network, const ParamValues& params) {
  return pruned(stage, network, params).result<Network>("network");
}

Network with_gamma(const Network& network, const std::string& layer, const std::vector<float>& gamma) {
  return with_changed<BatchNorm>(
      network, layer, [&](BatchNorm& bn) { bn.gamma = Tensor::of({static_cast<std::int64_t>(gamma.size())}, gamma); });
}

std::vector<double> kept_by_layer(const StageBench& bench) {
  return bench.result<Metrics>("metrics").series.at("neurons_kept");
}

double metric(const StageBench& bench, const std::string& name) {
  return bench.result<Metrics>("metrics").values.at(name);
}

/// A chain 3 - 4 - 4 - 2 with these gammas.
Network small_chain(const std::vector<float>& gamma1, const std::vector<float>& gamma2) {
  return with_gamma(with_gamma(random_chain({4, 4}, 11, {3}, 2), "bn1", gamma1), "bn2", gamma2);
}

}  // namespace

TEST_CASE("neuron counts are those of table 4") {
  // Guidotti et al. 2020, tables 1 and 4.
  const struct {
    bool first;
    double rate;
    std::int64_t neurons;
  } kRows[] = {{true, 0.75, 27}, {true, 0.5, 55},   {true, 0.25, 83},
               {false, 0.8, 44}, {false, 0.5, 111}, {false, 0.25, 167}};
  for (const auto& row : kRows) {
    for (const char* rule : {"threshold", "count"}) {
      for (const bool strict : {false, true}) {
        CAPTURE(row.rate);
        CAPTURE(rule);
        const Network network = row.first ? net1(1) : net2(2);
        const Network result =
            after("prune.neurons", network, {{"rate", row.rate}, {"rule", rule}, {"strict", strict}});
        CHECK(result.hidden_neurons() == row.neurons);
        CHECK(result.input_shape() == network.input_shape());
        CHECK(result.output_shape() == network.output_shape());
      }
    }
  }
}

TEST_CASE("the layer sizes behind table 4 give its weight counts") {
  // 784 a + a b + b c + 10 c; Guidotti et al. 2020, table 4: (12, 6, 9) or (12, 11, 4) fit NET1 SET1.
  const auto gammas = [](std::size_t neurons, std::size_t kept) {
    std::vector<float> out(neurons, 1e-7F);
    std::fill_n(out.begin(), kept, 1.0F);
    return out;
  };
  const Network network =
      with_gamma(with_gamma(with_gamma(net1(1), "bn1", gammas(64, 12)), "bn2", gammas(32, 11)), "bn3", gammas(16, 4));
  const StageBench bench = pruned("prune.neurons", network, {{"rate", 0.75}});
  CHECK(kept_by_layer(bench) == std::vector<double>{12, 11, 4});
  CHECK(bench.result<Network>("network").weights() == 9624);
  CHECK(metric(bench, "neurons_rescued") == 0);
  CHECK(metric(bench, "threshold") == doctest::Approx(1e-7));
}

TEST_CASE("neurons of the smallest |gamma| go, over all layers together") {
  const Network network = small_chain({0.9F, -0.1F, 0.5F, -0.8F}, {0.2F, 0.7F, 0.3F, -0.6F});
  // Sorted: .1 .2 .3 .5 .6 .7 .8 .9; index int(8 * 0.3) = 2, threshold 0.3: three go.
  const StageBench bench = pruned("prune.neurons", network, {{"rate", 0.3}});
  CHECK(metric(bench, "threshold") == doctest::Approx(0.3));
  CHECK(kept_by_layer(bench) == std::vector<double>{3, 2});
  const auto& layers = bench.result<Network>("network").layers();
  CHECK(std::get<BatchNorm>(layers[2].op).gamma.to_floats() == std::vector<float>{0.9F, 0.5F, -0.8F});
  CHECK(std::get<BatchNorm>(layers[5].op).gamma.to_floats() == std::vector<float>{0.7F, -0.6F});
}

TEST_CASE("equal gammas: the threshold rule takes all of them, the count rule the first") {
  const Network network = small_chain({0.5F, 0.5F, 0.5F, 1}, {0.5F, 1, 1, 1});
  CHECK(kept_by_layer(pruned("prune.neurons", network, {{"rate", 0.13}, {"rule", "count"}})) ==
        std::vector<double>{2, 4});
  const StageBench bench = pruned("prune.neurons", network, {{"rate", 0.13}, {"keep_at_least", 1}});
  CHECK(kept_by_layer(bench) == std::vector<double>{1, 3});
}

TEST_CASE("a layer that would be emptied keeps its strongest neurons, and others go in their place") {
  const Network network = small_chain({1e-6F, 2e-6F, 3e-6F, 4e-6F}, {0.4F, 0.3F, 0.2F, 0.1F});
  // Index int(8 * 0.5) = 4: the rule takes the whole first layer and 0.1.
  const StageBench bench = pruned("prune.neurons", network, {{"rate", 0.5}, {"keep_share", 0.0}});
  CHECK(kept_by_layer(bench) == std::vector<double>{2, 2});
  CHECK(metric(bench, "neurons_rescued") == 2);
  CHECK(metric(bench, "neurons_pruned") == 4);
  CHECK(metric(bench, "neurons_short") == 1);  // both layers are down to two
  CHECK(bench.logged().size() == 2);
  const auto& layers = bench.result<Network>("network").layers();
  CHECK(std::get<BatchNorm>(layers[2].op).gamma.to_floats() == std::vector<float>{3e-6F, 4e-6F});

  SUBCASE("the lower limit of one neuron leaves the total as the rule says") {
    const StageBench one = pruned("prune.neurons", network, {{"rate", 0.5}, {"keep_at_least", 1}, {"keep_share", 0.0}});
    CHECK(kept_by_layer(one) == std::vector<double>{1, 2});
    CHECK(metric(one, "neurons_short") == 0);
  }
  SUBCASE("to the letter it is an error that names the layer") {
    CHECK_THROWS_WITH_AS(after("prune.neurons", network, {{"rate", 0.5}, {"strict", true}}),
                         "layer 'fc1' would lose all its 4 neurons at rate 0.5", Error);
  }
}

TEST_CASE("the paper's second layers of 4 of 64 stay as its rule makes them when asked to") {
  std::vector<float> weak(64, 1e-7F);
  std::fill_n(weak.begin(), 4, 1.0F);
  std::vector<float> last(32, 1.0F);
  std::fill_n(last.begin(), 16, 1e-7F);
  const Network network = with_gamma(with_gamma(net2(3), "bn2", weak), "bn3", last);
  const StageBench strict = pruned("prune.neurons", network, {{"rate", 0.5}, {"strict", true}});
  const StageBench limited = pruned("prune.neurons", network, {{"rate", 0.5}});
  CHECK(kept_by_layer(strict)[1] == 4);
  CHECK(kept_by_layer(limited)[1] == 7);  // a tenth of 64, upwards
  CHECK(limited.result<Network>("network").hidden_neurons() == 111);
}

TEST_CASE("rate 0 prunes nothing and rate 1 is refused") {
  const Network network = net1(9);
  CHECK(after("prune.neurons", network, {{"rate", 0.0}}).hidden_neurons() == 112);
  CHECK_THROWS_AS(after("prune.neurons", network, {{"rate", 1.0}}), Error);
}

TEST_CASE("the pruned network computes what the network with zeroed gammas does") {
  const Network network = net1(12);
  for (const bool fold_bias : {true, false}) {
    for (const double rate : {0.25, 0.5, 0.75, 0.95}) {
      CAPTURE(fold_bias);
      CAPTURE(rate);
      const StageBench bench = pruned("prune.neurons", network, {{"rate", rate}, {"fold_bias", fold_bias}});
      const auto& result = bench.result<Network>("network");
      Network zeroed = network;
      for (const std::size_t at : {2U, 5U, 8U}) {
        const auto kept = std::get<BatchNorm>(result.layers()[at].op).gamma.to_floats();
        zeroed = with_changed<BatchNorm>(zeroed, zeroed.layers()[at].name, [&](BatchNorm& bn) {
          auto gamma = bn.gamma.to_floats();
          auto beta = bn.beta.to_floats();
          for (std::size_t i = 0; i < gamma.size(); ++i) {
            if (std::ranges::find(kept, gamma[i]) != kept.end()) continue;
            gamma[i] = 0;
            if (!fold_bias) beta[i] = 0;
          }
          bn.gamma = Tensor::of(bn.gamma.shape(), gamma);
          bn.beta = Tensor::of(bn.beta.shape(), beta);
        });
      }
      CHECK(largest_difference(zeroed, result) < 1e-6);
    }
  }
}

TEST_CASE("weights of at most a magnitude go, whatever their number; the rate that they are is told") {
  const Network network = with_changed<Linear>(net1(14), "fc2", [](Linear& linear) {
    auto weight = linear.weight.to_floats();
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = i < 100 ? 1e-8F : 1.0F;
    weight[100] = 1e-7F;
    linear.weight = Tensor::of(linear.weight.shape(), weight);
  });
  const StageBench bench = pruned("prune.weights", network, {{"rate", 0.9}, {"at_most", 1e-8F}, {"layers", "all"}});
  const auto& result = bench.result<Network>("network");
  const auto& linear = std::get<Linear>(result.layers()[4].op);
  CHECK(std::ranges::count(linear.weight.as<float>(), 0.0F) == 100);
  const auto& metrics = bench.result<Metrics>("metrics");
  const double gone = metrics.values.at("weights") - metrics.values.at("remaining_weights");
  CHECK(gone >= 100);
  CHECK(gone < 0.01 * metrics.values.at("weights"));
  CHECK(metrics.values.at("rate") == doctest::Approx(gone / metrics.values.at("weights")));
}

TEST_CASE("masks lose the rows and columns that the weights lose") {
  const auto masked = [](Linear& linear) {
    auto weight = linear.weight.to_floats();
    std::vector<std::uint8_t> mask(weight.size());
    for (std::size_t i = 0; i < weight.size(); ++i) mask[i] = i % 5 != 0;
    for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = mask[i] == 0 ? 0 : weight[i];
    linear.weight = Tensor::of(linear.weight.shape(), weight);
    linear.mask = Tensor::of(linear.weight.shape(), mask);
  };
  const Network network = with_changed<Linear>(net1(13), "fc2", masked);
  const Network result = after("prune.neurons", network, {{"rate", 0.5}});
  const auto& linear = std::get<Linear>(result.layers()[4].op);
  REQUIRE(linear.mask.shape() == linear.weight.shape());
  const auto mask = linear.mask.as<std::uint8_t>();
  const auto weight = linear.weight.as<float>();
  for (std::size_t i = 0; i < mask.size(); ++i) CHECK((mask[i] == 0) == (weight[i] == 0));
}

TEST_CASE("a network that is no chain of linear, batch norm and ReLU is refused by the layer's name") {
  const auto fails_naming = [](Network network, const std::string& text) {
    try {
      after("prune.neurons", network, {{"rate", 0.5}});
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == Code::unsupported);
      CHECK_MESSAGE(std::string(error.what()).find(text) != std::string::npos, error.what());
    }
  };
  std::vector<Layer> layers = net1(14).layers();
  SUBCASE("no batch norm") {
    layers.erase(layers.begin() + 2);
    for (std::size_t i = 2; i < layers.size(); ++i) layers[i].inputs = {static_cast<int>(i)};
    fails_naming({{1, 28, 28}, layers}, "layer 'relu1' is relu where a batch norm is expected");
  }
  SUBCASE("a fork") {
    layers.push_back({"add", Add{}, {static_cast<int>(layers.size()), static_cast<int>(layers.size())}});
    fails_naming({{1, 28, 28}, layers}, "'add' does not take just the layer before it");
  }
  SUBCASE("an end without a linear layer") {
    layers.pop_back();
    fails_naming({{1, 28, 28}, layers}, "the network ends where a linear layer is expected");
  }
  SUBCASE("no hidden layer") {
    fails_naming({{1, 28, 28}, {layers[0]}}, "the network ends where a linear layer");
  }
}

TEST_CASE("weight counts are those of table 4") {
  const struct {
    bool first;
    double rate;
    std::int64_t remaining;
  } kRows[] = {{true, 0.9, 5290},   {true, 0.7, 15869},  {true, 0.5, 26448},
               {false, 0.9, 11091}, {false, 0.7, 33274}, {false, 0.5, 55456}};
  for (const auto& row : kRows) {
    CAPTURE(row.rate);
    const Network network = row.first ? net1(21) : net2(22);
    const StageBench bench = pruned("prune.weights", network, {{"rate", row.rate}});
    const auto& result = bench.result<Network>("network");
    CHECK(result.remaining_weights() == row.remaining);
    CHECK(result.weights() == network.weights());
    CHECK(result.hidden_neurons() == network.hidden_neurons());
    const auto by_layer = bench.result<Metrics>("metrics").series.at("weights_kept");
    CHECK(std::accumulate(by_layer.begin(), by_layer.end(), 0.0) == static_cast<double>(row.remaining));
  }
}

namespace {

Network two_layers(std::vector<float> first, std::vector<float> second) {
  const auto f = [](Shape shape, std::vector<float> v) { return Tensor::of(std::move(shape), std::move(v)); };
  return {{2},
          {{"a", Linear{f({2, 2}, std::move(first)), f({2}, {0.001F, 0.002F}), {}}, {0}},
           {"b", Linear{f({1, 2}, std::move(second)), f({1}, {0.003F}), {}}, {1}}}};
}

std::vector<float> weights_of(const Network& network, std::size_t layer) {
  return std::get<Linear>(network.layers()[layer].op).weight.to_floats();
}

}  // namespace

TEST_CASE("weights of the smallest magnitude go, biases stay, masks say which") {
  const Network result = after("prune.weights", two_layers({4, -1, 0.5F, -6}, {2, -3}), {{"rate", 0.5}});
  CHECK(weights_of(result, 0) == std::vector<float>{4, 0, 0, -6});
  CHECK(weights_of(result, 1) == std::vector<float>{0, -3});
  const auto& op = std::get<Linear>(result.layers()[0].op);
  CHECK(op.bias.to_floats() == std::vector<float>{0.001F, 0.002F});
  CHECK(op.mask.to_floats() == std::vector<float>{1, 0, 0, 1});
}

TEST_CASE("equal magnitudes do not change how many weights go: the first of them go") {
  const Network result = after("prune.weights", two_layers({1, -1, 1, 1}, {-1, 1}), {{"rate", 0.5}});
  CHECK(weights_of(result, 0) == std::vector<float>{0, 0, 0, 1});
  CHECK(weights_of(result, 1) == std::vector<float>{-1, 1});
}

TEST_CASE("what was pruned before stays pruned, and counts") {
  const Network once = after("prune.weights", net1(23), {{"rate", 0.7}});
  const Network again = after("prune.weights", once, {{"rate", 0.5}});
  CHECK(again.remaining_weights() == 15869);
  CHECK(after("prune.weights", once, {{"rate", 0.9}}).remaining_weights() == 5290);
  CHECK(after("prune.weights", again, {{"rate", 0.0}}).remaining_weights() == 15869);
}

TEST_CASE("a layer that loses all of its weights is named, whichever way they went") {
  const auto logged = [](const ParamValues& params) {
    return pruned("prune.weights", two_layers({4, -1, 0.5F, -6}, {0.1F, -0.2F}), params).logged();
  };
  using Lines = std::vector<std::string>;
  const std::string collapsed = "layer 'b' collapsed: none of its 2 weights are left";
  CHECK(logged({{"rate", 0.1}}) == Lines{});
  CHECK(logged({{"rate", 0.4}}) == Lines{collapsed});
  CHECK(logged({{"at_most", 0.3}}) == Lines{collapsed});
  CHECK(logged({{"rate", 0.99}}) == Lines{"layer 'a' collapsed: none of its 4 weights are left", collapsed});
}

TEST_CASE("a rate that leaves no weight is refused") {
  const Network network = two_layers({4, -1, 0.5F, -6}, {2, -3});
  for (const double rate : {1.0, -0.1, std::nan("")}) {
    CAPTURE(rate);
    CHECK_THROWS_AS(after("prune.weights", network, {{"rate", rate}}), Error);
  }
  CHECK(after("prune.weights", network, {{"rate", 1.0}, {"at_most", 0.7}}).remaining_weights() == 5);  // no rate then
}

TEST_CASE("convolutions alone can be pruned, as Le and Cao 2026 do") {
  std::mt19937 random(3);
  Conv2d conv;
  conv.weight = testing::random_tensor({2, 1, 2, 2}, random);
  conv.bias = testing::random_tensor({2}, random);
  const Network network({1, 3, 3}, {{"conv", conv, {0}},
                                    {"flatten", Flatten{}, {1}},
                                    {"fc", Linear{testing::random_tensor({2, 8}, random), conv.bias, {}}, {2}}});
  const Network result = after("prune.weights", network, {{"rate", 0.5}, {"layers", "conv2d"}});
  CHECK(result.zero_weights() == 4);
  CHECK(std::get<Linear>(result.layers()[2].op).mask.empty());
  CHECK(after("prune.weights", network, {{"rate", 0.5}}).zero_weights() == 12);
}
