// SPDX-License-Identifier: Apache-2.0
// What a network becomes before it is searched (crown/program.hpp): no reduction and no rounding there makes an answer
// wrong.
#include <chrono>
#include <random>
#include <utility>
#include <vector>

#include <crown/verifier.hpp>
#include <doctest/doctest.h>

#include "support/judge.hpp"
#include "support/property_cases.hpp"

using namespace espalier;
using namespace espalier::crown;
using namespace espalier::testing;
using namespace std::chrono_literals;

TEST_CASE("a weight that is no float counts for all that it is") {
  // Many inputs, so that the search is the one in float: every input of the box is above 50.
  constexpr std::int64_t kInputs = 20;
  const auto one = [](float x) { return Tensor::of<float>({1}, {x}); };
  NetworkBuilder builder({kInputs});
  builder.add(Linear{.weight = changed(Tensor::zeros(DType::f32, {1, kInputs}), [](float) { return 5e8F; }),
                     .bias = one(0),
                     .mask = {}});
  builder.add(Relu{});
  builder.add(Affine{.scale = one(1e-8F), .shift = one(0), .divisor = one(1e38F)});
  builder.add(Affine{.scale = one(1e38F), .shift = one(0), .divisor = {}});
  Property p;
  p.inputs = kInputs;
  p.outputs = 1;
  p.boxes = {{std::vector<double>(kInputs, 0.9), std::vector<double>(kInputs, 1)}};
  p.cases = {{.box = 0, .constraints = {{.terms = {{0, -1}}, .limit = -50}}}};
  const Network network = builder.build();
  const Decision answer = Verifier(network).decide(p, 1, [] { return 0.0; });
  CHECK(answer.verdict == Verdict::counterexample);
  p.cases[0].constraints[0].limit = -200;
  CHECK(Verifier(network).decide(p, 1, [] { return 0.0; }).verdict != Verdict::counterexample);
}

TEST_CASE("ReLUs of one value share its place: what all of them are used in is rounded there") {
  constexpr int kInputs = 20;
  constexpr int kRelus = 400;
  const auto row = [](float first, auto other) {
    std::vector<float> out(kInputs, 0);
    out[0] = first;
    for (int i = 1; i < kInputs; ++i) out[static_cast<std::size_t>(i)] = other(i);
    return out;
  };
  const auto none = [](int) { return 0.0F; };
  NetworkBuilder builder({kInputs});
  std::vector<std::vector<float>> identity(kInputs, row(0, none));
  for (std::size_t i = 0; i < kInputs; ++i) identity[i][i] = 1;
  const int z = builder.linear(identity, std::vector<float>(kInputs, 0));
  builder.add(Relu{}, {z});
  // y0 = (1 - 400 * 2^-25) x0: each of the 400 is lost to rounding where 1 is in the sum.
  int sum = builder.linear({row(1, none), row(0, [](int i) { return 1 + static_cast<float>(i - 1) / 8; })}, {0, 0});
  for (int k = 0; k < kRelus; ++k) {
    builder.add(Relu{}, {z});
    sum = builder.add(Add{}, {sum, builder.linear({row(-0x1p-25F, none), row(0, none)}, {0, 0})});
  }
  Property p;
  p.inputs = kInputs;
  p.outputs = 2;
  p.boxes = {{std::vector<double>(kInputs, 1), std::vector<double>(kInputs, 2)}};
  p.boxes[0].high[0] = 1 + 0x1p-22;
  // Violated by x0 = 1; two limits on y1 are so hard to meet that no attack hides what bounds say.
  p.cases = {{.box = 0,
              .constraints = {{.terms = {{0, 1}}, .limit = 1 - kRelus * 0x1p-26},
                              {.terms = {{1, 1}}, .limit = 57.123456789},
                              {.terms = {{1, -1}}, .limit = -57.123456789}}}};
  CHECK(Verifier(builder.build()).decide(p, 1, [] { return 0.0; }).verdict != Verdict::robust);
}

TEST_CASE("neurons that no output depends on are gone, and those that are the same one are split as one") {
  std::mt19937 random(11);
  std::uniform_real_distribution<float> weight(-0.3F, 0.3F);
  const auto rows = [&](std::size_t out, std::size_t in) {
    std::vector<std::vector<float>> all(out, std::vector<float>(in));
    for (auto& row : all) {
      for (float& w : row) w = weight(random);
    }
    return all;
  };
  constexpr std::size_t kInputs = 20;
  constexpr std::size_t kHidden = 12;
  const auto first = rows(kHidden, kInputs);
  const auto last = rows(1, kHidden);
  const auto network = [&](const std::vector<std::vector<float>>& hidden,
                           const std::vector<std::vector<float>>& output) {
    NetworkBuilder builder({kInputs});
    builder.linear(hidden, std::vector<float>(hidden.size(), 0.01F));
    builder.add(Relu{});
    builder.linear(output, {0});
    return builder.build();
  };
  auto doubled = first;
  doubled.insert(doubled.end(), first.begin(), first.end());
  auto halves = last;
  for (float& w : halves[0]) w /= 2;
  halves[0].insert(halves[0].end(), halves[0].begin(), halves[0].begin() + kHidden);
  auto with_dead = first;
  for (auto& row : rows(kHidden, kInputs)) with_dead.push_back(std::move(row));
  auto no_use = last;
  no_use[0].resize(2 * kHidden, 0);
  Property p;
  p.inputs = kInputs;
  p.outputs = 1;
  p.boxes = {{std::vector<double>(kInputs, -1), std::vector<double>(kInputs, 1)}};
  const auto asked = [&](const Network& n, double limit) {
    p.cases = {{.box = 0, .constraints = {{.terms = {{0, -1}}, .limit = -limit}}}};  // y >= limit
    return Verifier(n).decide(p, 1, [] { return 0.0; });
  };
  // The largest output, by halving: all three networks have the same one.
  double low = 0;
  double high = 10;
  const Network plain = network(first, last);
  for (int i = 0; i < 12; ++i) {
    const double limit = (low + high) / 2;
    (asked(plain, limit).verdict == Verdict::robust ? high : low) = limit;
  }
  for (const Network& same : {network(doubled, halves), network(with_dead, no_use)}) {
    CHECK(asked(same, high).verdict == Verdict::robust);
    CHECK(asked(same, low).verdict == Verdict::counterexample);
  }
  // Without the dead, nothing is done that would not be done without them.
  CHECK(asked(network(with_dead, no_use), high).subproblems == asked(plain, high).subproblems);
}

TEST_CASE("a network that only renames its inputs") {
  // Neighbours that all differ by the same: an arithmetic progression, which the box holds.
  for (const std::size_t inputs : {2U, 20U, 40U}) {
    for (const std::size_t fixed : {std::size_t{0}, inputs / 2}) {
      CAPTURE(inputs);
      CAPTURE(fixed);
      NetworkBuilder builder({static_cast<std::int64_t>(inputs)});
      builder.add(Flatten{});
      const double step = 0.9 / static_cast<double>(inputs);
      Property p;
      p.inputs = p.outputs = static_cast<std::int64_t>(inputs);
      p.boxes = {{std::vector<double>(inputs, 0), std::vector<double>(inputs, 1)}};
      p.cases = {{.box = 0, .constraints = {}}};
      for (std::size_t i = 0; i < fixed; ++i) p.boxes[0].low[i] = p.boxes[0].high[i] = step * static_cast<double>(i);
      for (std::int64_t i = 0; i + 1 < p.inputs; ++i) {
        p.cases[0].constraints.push_back({.terms = {{i, 1}, {i + 1, -1}}, .limit = -step + 1e-9});
        p.cases[0].constraints.push_back({.terms = {{i, -1}, {i + 1, 1}}, .limit = step + 1e-9});
      }
      const auto begin = std::chrono::steady_clock::now();
      const auto used = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin) / 300ms; };
      CHECK(Verifier(builder.build()).decide(p, 1, used).verdict != Verdict::robust);
      p.cases[0].constraints = {{.terms = {{0, 1}, {p.inputs - 1, -1}}, .limit = -1.0625}};
      CHECK(Verifier(builder.build()).decide(p, 1, [] { return 0.0; }).verdict == Verdict::robust);
    }
  }
}
