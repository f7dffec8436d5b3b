// SPDX-License-Identifier: Apache-2.0
// Certified radii: networks whose exact radius is known by hand, and random ones against samples.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "abstract/radii.hpp"
#include "support/random_network.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::testing::NetworkBuilder;
using espalier::testing::random_dense;
using espalier::testing::StageBench;

namespace {

/// One input and one neuron: class 1 has at least the score of class 0 from x = 0.625 on.
Network one_neuron() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {-0.5F});
  builder.add(Relu{});
  builder.linear({{0}, {1}}, {0.125F, 0});
  return builder.build();
}

Instances images(const std::vector<std::vector<float>>& centres, std::int64_t label,
                 std::optional<std::int64_t> target = {}) {
  Instances instances;
  std::vector<float> pixels;
  for (const auto& centre : centres) {
    instances.rows.push_back({.image = static_cast<std::int64_t>(7 + instances.rows.size()),
                              .label = label,
                              .target = target,
                              .epsilon = 9});
    pixels.insert(pixels.end(), centre.begin(), centre.end());
  }
  instances.centres = Tensor::of(
      {static_cast<std::int64_t>(centres.size()), static_cast<std::int64_t>(centres[0].size())}, std::move(pixels));
  return instances;
}

struct Radii {
  std::vector<double> proven, attacked;
  Metrics metrics;
};

Radii radii(StageBench& bench) {
  bench.run();
  const auto& metrics = bench.result<Metrics>("metrics");
  return {metrics.series.at("proven_radius"), metrics.series.at("attacked_radius"), metrics};
}

StageBench bench_of(const Network& network, Instances instances) {
  StageBench bench("crown.radius");
  bench.give("network", network).give("instances", std::move(instances));
  return bench;
}

}  // namespace

TEST_CASE("crown.radius: the exact radius of one neuron lies between the two, as close as asked") {
  for (const double tolerance : {1e-2, 1e-3, 1e-5}) {
    StageBench bench = bench_of(one_neuron(), images({{0.25F}, {0.5F}, {0}}, 0));
    const Radii found = radii(bench.set("tolerance", tolerance));
    const std::vector<double> exact{0.375, 0.125, 0.625};
    REQUIRE(found.proven.size() == exact.size());
    for (std::size_t i = 0; i < exact.size(); ++i) {
      CHECK(found.proven[i] < exact[i]);
      CHECK(exact[i] <= found.attacked[i]);
      CHECK(found.attacked[i] - found.proven[i] <= tolerance);
    }
    const abstract::Radii told = abstract::radii_in(found.metrics);
    CHECK(told.network == abstract::content_of(one_neuron()));
    CHECK(told.clip.low == 0);
    CHECK(told.clip.high == 1);
    CHECK(told.rows[1].pixels == abstract::pixels_of(std::vector<float>{0.5F}));
    CHECK(found.metrics.series.at("image") == std::vector<double>{7, 8, 9});
    CHECK(found.metrics.series.at("label") == std::vector<double>{0, 0, 0});
    CHECK(found.metrics.series.at("target") == std::vector<double>{-1, -1, -1});
    CHECK(found.metrics.values.at("proven_radius_mean") ==
          doctest::Approx((found.proven[0] + found.proven[1] + found.proven[2]) / 3));
    CHECK(found.metrics.values.at("proven_radius_median") == found.proven[0]);
    CHECK(found.metrics.values.at("attacked_radius_median") == found.attacked[0]);
  }
}

TEST_CASE("crown.radius: an image that is misclassified has none") {
  StageBench bench = bench_of(one_neuron(), images({{0.75F}, {0.625F}}, 0));
  const Radii found = radii(bench);
  CHECK(found.proven == std::vector<double>{0, 0});
  CHECK(found.attacked == std::vector<double>{0, 0});  // 0.625 is a tie
}

TEST_CASE("crown.radius: where no counterexample exists, all that was asked is proven") {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}}, {1.5F, 0});  // class 1 wins from 1.5 on, and images end at 1
  StageBench bench = bench_of(builder.build(), images({{0.5F}}, 0));
  SUBCASE("up to the largest radius") {
    const Radii found = radii(bench.set("largest", 0.25));
    CHECK(found.proven == std::vector<double>{0.25});
    CHECK(found.attacked == std::vector<double>{std::numeric_limits<double>::infinity()});
  }
  SUBCASE("everywhere") {
    CHECK(radii(bench).proven == std::vector<double>{1});
  }
}

TEST_CASE("crown.radius: with a target only that class counts") {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}, {1}}, {0.5F, 0, -0.25F});  // class 1 from 0.5 on, class 2 from 0.75 on
  StageBench any = bench_of(builder.build(), images({{0.25F}}, 0));
  StageBench second = bench_of(builder.build(), images({{0.25F}}, 0, 2));
  CHECK(radii(any).attacked[0] < 0.26);
  const Radii found = radii(second);
  CHECK(found.proven[0] < 0.5);
  CHECK(found.proven[0] > 0.49);
  CHECK(found.attacked[0] >= 0.5);
}

TEST_CASE("crown.radius: no sample within the proven radius is a counterexample, with or without a budget") {
  std::mt19937 random(11);
  for (int net = 0; net < 6; ++net) {
    const Network network = random_dense({3, 6, 5, 3}, 0.8, random);
    std::vector<float> centre;
    for (int i = 0; i < 3; ++i) centre.push_back(std::uniform_real_distribution<float>(0, 1)(random));
    const std::vector<double> image(centre.begin(), centre.end());
    const std::int64_t label = argmax(network.forward(image));
    StageBench bench = bench_of(network, images({centre}, label));
    const Radii found = radii(bench.set("budget_s", net % 2 == 0 ? 0.0 : 5.0));
    CHECK(found.proven[0] < found.attacked[0]);
    std::uniform_real_distribution<double> draw(-found.proven[0], found.proven[0]);
    for (int sample = 0; sample < 2000; ++sample) {
      std::vector<double> point = image;
      for (double& x : point) x = std::clamp(x + draw(random), 0.0, 1.0);
      REQUIRE(argmax(network.forward(point)) == label);
    }
  }
}

TEST_CASE("crown.radius: a budget that is too small for an answer leaves a gap, and the run ends") {
  std::mt19937 random(5);
  const Network network = random_dense({40, 80, 80, 80, 5}, 1, random);
  const std::vector<float> centre(40, 0.5F);
  const std::int64_t label = argmax(network.forward(std::vector<double>(40, 0.5)));
  for (const double budget : {1e-6, 0.2}) {
    StageBench bench = bench_of(network, images({centre, centre}, label));
    const Radii found = radii(bench.set("budget_s", budget).set("tolerance", 1e-9));
    REQUIRE(found.proven.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(found.proven[i] < found.attacked[i]);
  }
}

TEST_CASE("crown.radius: what cannot be asked is refused") {
  SUBCASE("one output") {
    NetworkBuilder builder({1});
    builder.linear({{1}}, {0});
    StageBench bench = bench_of(builder.build(), images({{0.5F}}, 0));
    CHECK_THROWS_AS(bench.run(), Error);
  }
  SUBCASE("a run that is being stopped") {
    StageBench bench = bench_of(one_neuron(), images({{0.25F}}, 0));
    bench.request_stop();
    CHECK_THROWS_AS(bench.run(), Error);
  }
}
