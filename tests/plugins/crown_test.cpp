// SPDX-License-Identifier: Apache-2.0
// The parts of the verifier, each against what it is meant to be: bounds that contain every sample, splits that lose
// nothing, answers that agree with brute force (soundness_test.cpp has the judge).
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <random>
#include <vector>

#include <crown/bounder.hpp>
#include <crown/kernels.hpp>
#include <crown/refine.hpp>
#include <crown/root.hpp>
#include <crown/solve.hpp>
#include <crown/verifier.hpp>
#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "support/random_network.hpp"

using namespace espalier;
using namespace espalier::crown;
using espalier::testing::random_chain;
using espalier::testing::random_input;
using espalier::testing::random_tensor;

namespace {

const MayContinue kAlways = [] { return true; };

/// 3 x 6 x 6 images through two residual convolutions, a strided one and a linear layer: every kind of edge.
Network residual_network(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto conv = [&](std::int64_t out, std::int64_t in, std::int64_t kernel, std::int64_t stride) {
    return Conv2d{.weight = random_tensor({out, in, kernel, kernel}, random, -0.5F, 0.5F),
                  .bias = random_tensor({out}, random),
                  .mask = {},
                  .stride = {stride, stride},
                  .padding = {kernel / 2, kernel / 2}};
  };
  std::vector<Layer> layers{
      {.name = "c1", .op = conv(3, 3, 3, 1), .inputs = {0}},
      {.name = "shortcut", .op = conv(3, 3, 1, 1), .inputs = {0}},
      {.name = "r1", .op = Relu{}, .inputs = {1}},
      {.name = "c2", .op = conv(3, 3, 3, 1), .inputs = {3}},
      {.name = "sum", .op = Add{}, .inputs = {4, 2}},
      {.name = "bn", .op = testing::random_batch_norm(3, random), .inputs = {5}},
      {.name = "r2", .op = Relu{}, .inputs = {6}},
      {.name = "c3", .op = conv(2, 3, 3, 2), .inputs = {7}},
      {.name = "r3", .op = Relu{}, .inputs = {8}},
      {.name = "flat", .op = Flatten{}, .inputs = {9}},
      {.name = "fc",
       .op = Linear{.weight = random_tensor({3, 18}, random), .bias = random_tensor({3}, random), .mask = {}},
       .inputs = {10}},
  };
  return {{3, 6, 6}, std::move(layers)};
}

std::vector<float> random_centre(const Network& network, std::mt19937& random) {
  const std::vector<double> x = random_input(network, random);
  return {x.begin(), x.end()};
}

std::vector<double> sample(const abstract::Box& box, std::mt19937& random) {
  std::uniform_real_distribution<double> unit(0, 1);
  std::bernoulli_distribution corner(0.5);
  std::vector<double> x;
  for (const auto& [low, high] : box.hull()) {
    x.push_back(corner(random) ? (unit(random) < 0.5 ? low : high) : low + unit(random) * (high - low));
  }
  return x;
}

/// Every margin of class 0, the smallest of which search() bounds.
std::vector<Case> margins(std::size_t classes) {
  std::vector<Case> cases;
  for (std::size_t c = 1; c < classes; ++c) {
    Goal goal;
    goal.factors.assign(classes, 0);
    goal.factors[0] = 1;
    goal.factors[c] = -1;
    cases.push_back({goal});
  }
  return cases;
}

struct Setting {
  Network network;
  std::vector<float> centre;
  abstract::Graph graph;
  abstract::Box box;

  Setting(Network n, double epsilon, std::mt19937& random)
      : network(std::move(n)),
        centre(random_centre(network, random)),
        graph(network),
        box(centre, epsilon, {-10, 10}) {}
};

Root root_of(const Setting& s, int rounds = 0, const Phases& phases = {}) {
  RootOptions options;
  options.refinement.rounds = rounds;
  auto root = make_root(s.graph, s.box, phases, nullptr, options, kAlways);
  REQUIRE(root.has_value());
  return *std::move(root);
}

}  // namespace

TEST_CASE("dense and sparse products are those of the definition") {
  std::mt19937 random(1);
  for (const auto& [rows, columns] : {std::pair{1, 1}, std::pair{7, 5}, std::pair{64, 33}}) {
    std::vector<float> w(static_cast<std::size_t>(rows * columns));
    std::vector<float> x(static_cast<std::size_t>(columns) * kLanes);
    std::uniform_real_distribution<float> draw(-1, 1);
    for (float& v : w) v = draw(random);
    for (float& v : x) v = draw(random);
    abstract::Columns sparse;
    sparse.start = {0};
    for (int j = 0; j < columns; ++j) {
      for (int i = 0; i < rows; ++i) {
        sparse.terms.push_back({static_cast<double>(w[static_cast<std::size_t>(i * columns + j)]), i});
      }
      sparse.start.push_back(static_cast<std::int64_t>(sparse.terms.size()));
    }
    std::vector<std::int32_t> all_rows(static_cast<std::size_t>(rows));
    std::vector<std::int32_t> all_columns(static_cast<std::size_t>(columns));
    for (int i = 0; i < rows; ++i) all_rows[static_cast<std::size_t>(i)] = i;
    for (int j = 0; j < columns; ++j) all_columns[static_cast<std::size_t>(j)] = j;
    const Matrix matrix(sparse, rows, all_rows, all_columns);
    Aligned<float> in(x.size());
    std::copy(x.begin(), x.end(), in.data());
    Aligned<float> out(static_cast<std::size_t>(rows) * kLanes);
    out.fill(100);
    matrix.forward(in.data(), out.data(), false);
    for (int i = 0; i < rows; ++i) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        double wanted = 0;
        for (int j = 0; j < columns; ++j) {
          wanted += static_cast<double>(w[static_cast<std::size_t>(i * columns + j)]) *
                    static_cast<double>(x[static_cast<std::size_t>(j) * kLanes + l]);
        }
        CHECK(static_cast<double>(out[static_cast<std::size_t>(i) * kLanes + l]) ==
              doctest::Approx(wanted).epsilon(1e-4));
      }
    }
  }
}

TEST_CASE("bounds of every neuron contain every sample, refined or not, and refining only tightens") {
  std::mt19937 random(2);
  for (std::uint32_t seed = 0; seed < 4; ++seed) {
    const Setting s(seed % 2 == 0 ? residual_network(seed) : random_chain({12, 9, 7}, seed, {1, 3, 3}, 3), 0.2, random);
    const Root plain = root_of(s);
    const Root refined = root_of(s, 12);
    double narrower = 0;
    for (int i = 0; i < 1000; ++i) {
      std::vector<std::vector<double>> values{sample(s.box, random)};
      for (const Layer& layer : s.network.layers()) {
        std::vector<Layer> one = s.network.layers();
        one.resize(values.size());
        values.push_back(Network(s.network.input_shape(), std::move(one)).forward(values[0]));
        (void)layer;
        if (i % 50 != 0) break;  // all layers of some samples, the first of the others
      }
      for (std::size_t v = 1; v < values.size(); ++v) {
        for (std::size_t k = 0; k < values[v].size(); ++k) {
          const abstract::Interval wide = plain.relaxation.bounds(static_cast<int>(v))[k];
          const abstract::Interval tight = refined.relaxation.bounds(static_cast<int>(v))[k];
          CHECK(values[v][k] >= tight.low - 1e-12);
          CHECK(values[v][k] <= tight.high + 1e-12);
          CHECK(tight.low >= wide.low);
          CHECK(tight.high <= wide.high);
          narrower += (wide.high - wide.low) - (tight.high - tight.low);
        }
      }
    }
    CHECK(narrower > 0);
  }
}

TEST_CASE("certified bounds hold for every sample of a part of the box, whatever slopes and multipliers are") {
  std::mt19937 random(3);
  for (std::uint32_t seed = 0; seed < 6; ++seed) {
    const Setting s(seed % 2 == 0 ? residual_network(seed) : random_chain({16, 8}, seed, {1, 3, 3}, 3), 0.15, random);
    const Root root = root_of(s);
    const std::vector<Case> cases = margins(3);
    Bounder bounder(root.program);
    float* objective = bounder.objective(root.program.output());
    for (std::size_t l = 0; l < kLanes; ++l) {
      for (std::size_t k = 0; k < 3; ++k) objective[k * kLanes + l] = static_cast<float>(cases[l % 2][0].factors[k]);
    }
    bounder.reset(root.lines);
    std::uniform_real_distribution<float> unit(0, 1);
    std::vector<Literal> split(kLanes, {-1, 0});
    for (int l = 0; l < kLanes; ++l) {
      for (int n = 0; n < root.program.neurons(); ++n) {
        const Range& range = root.program.ranges()[static_cast<std::size_t>(n)];
        if (!range.unstable()) continue;
        bounder.set_low(l, n, unit(random));
        if (split[static_cast<std::size_t>(l)].neuron < 0 && unit(random) < 0.1F) {
          split[static_cast<std::size_t>(l)] = {n, unit(random) < 0.5F ? 1 : -1};
          bounder.split(l, n, split[static_cast<std::size_t>(l)].sign, unit(random));
        }
      }
    }
    const std::array<double, kLanes> never{};
    std::array<double, kLanes> thresholds{};
    thresholds.fill(HUGE_VAL);
    bounder.run(root.program.output(), kLanes, {.iterations = seed < 3 ? 1 : 10}, thresholds);
    int inside = 0;
    for (int i = 0; i < 300; ++i) {
      const std::vector<double> x = sample(s.box, random);
      const std::vector<double> y = s.network.forward(x);
      for (int l = 0; l < kLanes; ++l) {
        const Literal& literal = split[static_cast<std::size_t>(l)];
        if (literal.neuron >= 0) {
          const NeuronId id = root.program.id(literal.neuron);
          std::vector<Layer> part = s.network.layers();
          part.resize(static_cast<std::size_t>(id.value));
          const double z =
              Network(s.network.input_shape(), std::move(part)).forward(x)[static_cast<std::size_t>(id.element)];
          if (z * literal.sign < 0) continue;
          ++inside;
        }
        const double margin = y[0] - y[static_cast<std::size_t>(1 + l % 2)];
        CHECK(bounder.bound(l) <= margin + 1e-12);
      }
    }
    CHECK(inside > 0);
    (void)never;
  }
}

TEST_CASE("slopes and multipliers only ever improve a bound") {
  std::mt19937 random(4);
  const Setting s(random_chain({20, 15, 10}, 9, {1, 3, 3}, 3), 0.2, random);
  const Root root = root_of(s);
  std::array<double, kLanes> thresholds{};
  thresholds.fill(HUGE_VAL);
  double before = -HUGE_VAL;
  for (const int iterations : {1, 5, 20, 80}) {
    Bounder bounder(root.program);
    float* objective = bounder.objective(root.program.output());
    objective[0] = 1;
    objective[kLanes] = -1;
    bounder.reset(root.lines);
    bounder.run(root.program.output(), 1, {.iterations = iterations, .alpha_rate = 0.1F}, thresholds);
    CHECK(bounder.bound(0) >= before);
    before = bounder.bound(0);
  }
}

TEST_CASE("parts of a box by the phase of a neuron cover it: the worse of their bounds is no better than a sample") {
  std::mt19937 random(5);
  const Setting s(random_chain({10, 8}, 3, {1, 2, 3}, 2), 0.3, random);
  const Root whole = root_of(s, 4);
  int parts = 0;
  for (int n = 0; n < whole.program.neurons(); ++n) {
    if (!whole.program.ranges()[static_cast<std::size_t>(n)].unstable()) continue;
    std::array<double, 2> bounds{HUGE_VAL, HUGE_VAL};
    for (const int side : {0, 1}) {
      const Phases phases{{whole.program.id(n), side == 0 ? 1 : -1}};
      const auto part = make_root(s.graph, s.box, phases, &whole, {}, kAlways);
      if (!part) continue;
      ++parts;
      const std::vector<Case> cases = margins(2);
      const TryPoint never = [](std::size_t, std::span<const float>) { return false; };
      SearchOptions options;
      options.most_domains = 1;
      bounds[static_cast<std::size_t>(side)] = search(*part, cases, options, never, kAlways).bound;
    }
    for (int i = 0; i < 200; ++i) {
      const std::vector<double> y = s.network.forward(sample(s.box, random));
      CHECK(std::min(bounds[0], bounds[1]) <= y[0] - y[1] + 1e-12);
    }
  }
  CHECK(parts > 4);
}

TEST_CASE("a violation that no goal can refute is shown, and a case without goals is violated by any input") {
  std::mt19937 random(6);
  const Setting s(random_chain({6}, 1, {1, 2, 2}, 2), 0.1, random);
  int seen = 0;
  const TryPoint accept = [&](std::size_t, std::span<const float> x) { return seen += x.empty() ? 0 : 1, true; };
  const std::vector<Case> cases{Case{}};
  CHECK(solve(s.graph, s.box, cases, {}, accept, kAlways).end == SearchResult::End::violated);
  CHECK(seen == 1);
}

TEST_CASE("without time there is no verdict") {
  std::mt19937 random(7);
  const Setting s(random_chain({30, 20}, 5), 0.2, random);
  const TryPoint never = [](std::size_t, std::span<const float>) { return false; };
  const Outcome outcome = solve(s.graph, s.box, margins(10), {}, never, [] { return false; });
  CHECK(outcome.end == SearchResult::End::out_of_time);
}

TEST_CASE("what ran out of time has a bound of all that is open") {
  std::mt19937 random(9);
  const Setting s(random_chain({30, 20}, 5), 0.2, random);
  const TryPoint never = [](std::size_t, std::span<const float>) { return false; };
  SolveOptions options;
  options.rounds = {};  // parts of the box begin early
  options.quick_domains = 200;
  options.part_domains = 200;
  int with_bound = 0;
  for (int patience = 1; patience < 1 << 14; patience *= 2) {
    std::atomic<int> asked{0};
    const Outcome outcome = solve(s.graph, s.box, margins(10), options, never, [&] { return ++asked < patience; });
    if (outcome.end != SearchResult::End::out_of_time) break;
    CHECK(outcome.bound <= 0);
    with_bound += std::isfinite(outcome.bound) ? 1 : 0;
  }
  CHECK(with_bound > 4);
}

TEST_CASE("a network that ends in a ReLU is asked about what comes out of it") {
  // y = relu(x - 1), 0 in the box: y0 = y1 everywhere, which violates y0 > y1; before the ReLU, x0 - 1 > x1 - 2.
  const Network network({2}, {{.name = "fc",
                               .op = Linear{.weight = Tensor::of({2, 2}, std::vector<float>{1, 0, 0, 1}),
                                            .bias = Tensor::of({2}, std::vector<float>{-1, -3}),
                                            .mask = {}},
                               .inputs = {0}},
                              {.name = "relu", .op = Relu{}, .inputs = {1}}});
  const std::vector<float> centre{0.5F, 0.5F};
  const abstract::Box box(centre, 0.25, {0, 1});
  const Verifier verifier(network);
  CHECK(verifier.decide({.label = 0, .target = {}, .box = &box}, 1, [] { return 0.0; }).verdict ==
        Verdict::counterexample);
  // In [1.25, 1.75] only y0 is above 0.
  const std::vector<float> far{1.5F, 1.5F};
  const abstract::Box open(far, 0.25, {0, 2});
  CHECK(verifier.decide({.label = 0, .target = {}, .box = &open}, 1, [] { return 0.0; }).verdict == Verdict::robust);
}

TEST_CASE("a run that is stopped ends a search of several threads at once") {
  std::mt19937 random(8);
  const Setting s(random_chain({40, 30, 20}, 6), 0.3, random);
  const TryPoint never = [](std::size_t, std::span<const float>) { return false; };
  SolveOptions options;
  options.threads = 3;
  for (const int patience : {0, 3, 30, 300}) {
    std::atomic<int> asked{0};
    const MayContinue stopped = [&] {
      if (++asked > patience) throw Error(Code::stopped, "the run is being stopped");
      return true;
    };
    CHECK_THROWS_AS(solve(s.graph, s.box, margins(10), options, never, stopped), Error);
  }
}
