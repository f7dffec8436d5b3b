// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/random_network.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::testing::largest_difference;
using espalier::testing::random_batch_norm;
using espalier::testing::random_chain;
using espalier::testing::random_tensor;
using espalier::testing::StageBench;

namespace {

Network folded(Network network) {
  StageBench bench("fold.batchnorm");
  return bench.give("network", std::move(network)).run().result<Network>("network");
}

bool has_batch_norm(const Network& network) {
  return std::ranges::any_of(network.layers(), [](const Layer& l) { return std::holds_alternative<BatchNorm>(l.op); });
}

Tensor floats(Shape shape, std::vector<float> values) {
  return Tensor::of(std::move(shape), std::move(values));
}

std::vector<float> values_of(const Tensor& tensor) {
  return tensor.to_floats();
}

Conv2d random_conv(Shape weight, std::int64_t groups, std::int64_t padding, std::mt19937& random) {
  Conv2d conv;
  conv.bias = random_tensor({weight[0]}, random);
  conv.weight = random_tensor(std::move(weight), random);
  conv.padding = {padding, padding};
  conv.groups = groups;
  return conv;
}

}  // namespace

TEST_CASE("equation 8 on numbers small enough for paper") {
  // W = [1 2; -3 0], b = [0.5, 1]; gamma = [6, -2], beta = [1, 0], mean = [0.5, 3], variance + epsilon = [9, 4].
  // scale = [6/3, -2/2] = [2, -1]; W' = [2 4; 3 0]; b' = [2 (0.5 - 0.5) + 1, -1 (1 - 3) + 0] = [1, 2].
  const Network network(
      {2}, {{"fc", Linear{floats({2, 2}, {1, 2, -3, 0}), floats({2}, {0.5F, 1}), {}}, {0}},
            {"bn",
             BatchNorm{floats({2}, {6, -2}), floats({2}, {1, 0}), floats({2}, {0.5F, 3}), floats({2}, {8, 3}), 1.0},
             {1}},
            {"relu", Relu{}, {2}}});
  const Network result = folded(network);
  REQUIRE(result.layers().size() == 2);
  const auto& linear = std::get<Linear>(result.layers()[0].op);
  CHECK(values_of(linear.weight) == std::vector<float>{2, 4, 3, 0});
  CHECK(values_of(linear.bias) == std::vector<float>{1, 2});
  CHECK(result.layers()[1].inputs == std::vector<int>{1});
}

TEST_CASE("a folded network computes the same, whatever gamma is") {
  for (const float gamma : {0.0F, 1e-8F, 1e-30F, -0.7F, 1.0F}) {
    CAPTURE(gamma);
    const Network network = testing::with_changed<BatchNorm>(
        testing::net1(3), "bn2", [&](BatchNorm& bn) { bn.gamma = floats({32}, std::vector<float>(32, gamma)); });
    const Network result = folded(network);
    CHECK_FALSE(has_batch_norm(result));
    CHECK(largest_difference(network, result) < 1e-5);
    CHECK(result.weights() == network.weights());
    CHECK(result.hidden_neurons() == network.hidden_neurons());
  }
}

TEST_CASE("pruned weights and their mask survive folding") {
  const Network network = testing::with_changed<Linear>(testing::net1(4), "fc2", [](Linear& linear) {
    auto weight = linear.weight.to_floats();
    std::vector<std::uint8_t> mask(weight.size(), 1);
    for (std::size_t i = 0; i < weight.size(); i += 3) weight[i] = static_cast<float>(mask[i] = 0);
    linear.weight = floats(linear.weight.shape(), weight);
    linear.mask = Tensor::of(linear.weight.shape(), mask);
  });
  const Network result = folded(network);
  CHECK(result.zero_weights() == network.zero_weights());
  const auto mask_of = [](const Network& n, std::size_t layer) { return std::get<Linear>(n.layers()[layer].op).mask; };
  CHECK(mask_of(result, 3) == mask_of(network, 4));
  CHECK(largest_difference(network, result) < 1e-5);
}

TEST_CASE("convolutions take the batch norm behind them, also on a branch that is added") {
  std::mt19937 random(5);
  //   conv1 - bn1 - relu --- conv2 - bn2 --- add - flatten - fc
  //                      \------------------/
  const Network network({2, 6, 6},
                        {{"conv1", random_conv({4, 1, 3, 3}, 2, 1, random), {0}},
                         {"bn1", random_batch_norm(4, random), {1}},
                         {"relu", Relu{}, {2}},
                         {"conv2", random_conv({4, 4, 3, 3}, 1, 1, random), {3}},
                         {"bn2", random_batch_norm(4, random), {4}},
                         {"add", Add{}, {5, 3}},
                         {"flatten", Flatten{}, {6}},
                         {"fc", Linear{random_tensor({3, 144}, random), random_tensor({3}, random), {}}, {7}}});
  const Network result = folded(network);
  CHECK_FALSE(has_batch_norm(result));
  CHECK(largest_difference(network, result) < 1e-5);
}

TEST_CASE("a normalisation of the input becomes part of the layer behind it") {
  std::mt19937 random(6);
  const Layer norm{"normalise", random_batch_norm(2, random), {0}};
  SUBCASE("a linear layer behind a flatten") {
    const Network network({2, 3, 3},
                          {norm,
                           {"flatten", Flatten{}, {1}},
                           {"fc", Linear{random_tensor({5, 18}, random), random_tensor({5}, random), {}}, {2}}});
    const Network result = folded(network);
    CHECK_FALSE(has_batch_norm(result));
    CHECK(largest_difference(network, result) < 1e-5);
  }
  SUBCASE("a convolution with groups and no padding") {
    const Network network({2, 5, 5}, {norm, {"conv", random_conv({4, 1, 3, 3}, 2, 0, random), {1}}});
    const Network result = folded(network);
    CHECK_FALSE(has_batch_norm(result));
    CHECK(largest_difference(network, result) < 1e-5);
  }
  SUBCASE("padding would be shifted: refused") {
    const Network network({2, 5, 5}, {norm, {"conv", random_conv({4, 2, 3, 3}, 1, 1, random), {1}}});
    CHECK_THROWS_WITH_AS(folded(network), doctest::Contains("'normalise'"), Error);
  }
}

TEST_CASE("a batch norm behind a fork cannot be folded and is named") {
  std::mt19937 random(8);
  const Network network({4}, {{"fc", Linear{random_tensor({4, 4}, random), random_tensor({4}, random), {}}, {0}},
                              {"bn", random_batch_norm(4, random), {1}},
                              {"add", Add{}, {1, 2}}});
  try {
    folded(network);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::unsupported);
    CHECK(std::string(error.what()).find("'bn' cannot be folded: layer 'fc' before it has other consumers") !=
          std::string::npos);
    CHECK_FALSE(error.hint().empty());
  }
}

TEST_CASE("weights that would overflow are an error, not infinity") {
  const Network network(
      {1}, {{"fc", Linear{floats({1, 1}, {1e20F}), floats({1}, {0}), {}}, {0}},
            {"bn", BatchNorm{floats({1}, {1e20F}), floats({1}, {0}), floats({1}, {0}), floats({1}, {1}), 0}, {1}}});
  try {
    folded(network);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::numeric);
  }
}
