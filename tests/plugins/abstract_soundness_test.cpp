// SPDX-License-Identifier: Apache-2.0
// Thousands of small networks whose exact smallest margin is known: no bound may lie above it.
#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "abstract/question.hpp"
#include "support/exact_minimum.hpp"
#include "support/odd_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::abstract;
using namespace espalier::testing;

namespace {

struct Tally {
  int robust = 0;
  int counterexamples = 0;
  int unknown = 0;
};

bool always() {
  return true;
}

/// Both domains on one question, against points that include the exact minimum.
void check_answers(const Network& network, std::int64_t label, const Box& box, const ExactBox& exact,
                   const std::vector<Point>& points, Tally& tally) {
  const Wide smallest = smallest_margin(network, static_cast<std::size_t>(label), points);
  const Verifier verifier(network);
  for (const Domain domain : {Domain::intervals, Domain::deeppoly}) {
    const Answer answer = verifier.answer({.label = label, .target = {}, .box = &box}, domain, always);
    REQUIRE((answer.bound == -HUGE_VAL || Wide(answer.bound) <= smallest));
    if (answer.verdict == Verdict::robust) REQUIRE(smallest > 0);
    if (answer.verdict == Verdict::counterexample) {
      REQUIRE(answer.witness);
      const Point witness(answer.witness->begin(), answer.witness->end());
      REQUIRE(exact.contains(witness));
      REQUIRE(smallest_margin(network, static_cast<std::size_t>(label), {witness}) <= 0);
    }
    tally.robust += answer.verdict == Verdict::robust;
    tally.counterexamples += answer.verdict == Verdict::counterexample;
    tally.unknown += answer.verdict == Verdict::unknown;
  }
}

/// Random questions about random networks of the given widths, as they are and with planted margins.
Tally campaign(const std::vector<std::vector<std::int64_t>>& shapes, int networks, std::uint32_t seed) {
  std::mt19937 random(seed);
  Tally tally;
  for (int i = 0; i < networks; ++i) {
    const Network network = odd_network(one_of(shapes, random), random);
    const double epsilon = one_of<double>({0, 1e-9, 0.01, 0.1, 0.4, 1, 3}, random);
    const std::vector<double> drawn = random_input(network, random);
    const std::vector<float> centre(drawn.begin(), drawn.end());
    const Box box(centre, epsilon, {0, 1});
    const ExactBox exact = exact_box(centre, epsilon, 0, 1);
    const std::vector<Point> points = corners(network, exact);
    const std::int64_t label = argmax(network.forward(std::vector<double>(centre.begin(), centre.end())));
    check_answers(network, label, box, exact, points, tally);
    if (network.output_shape()[0] != 2) continue;
    const Wide size = abs(smallest_margin(network, 0, points)) + Wide(1e-30);
    for (const double share : {1e-9, -1e-9, 1e-14, 0.0}) {
      const Network planted = with_margin(network, points, size * Wide(share));
      check_answers(planted, 0, box, exact, points, tally);
    }
  }
  return tally;
}

}  // namespace

TEST_CASE("one input, any depth: no bound above the exact smallest margin") {
  const Tally tally =
      campaign({{1, 1, 2}, {1, 3, 2}, {1, 3, 3, 2}, {1, 2, 1, 2}, {1, 4, 3, 3, 2}, {1, 3, 3, 4}}, 600, 1);
  MESSAGE(tally.robust << " robust, " << tally.counterexamples << " counterexamples, " << tally.unknown << " unknown");
  CHECK(tally.robust > 500);
  CHECK(tally.counterexamples > 500);
}

TEST_CASE("two inputs, one hidden layer: no bound above the exact smallest margin") {
  const Tally tally = campaign({{2, 3, 2}, {2, 1, 2}, {2, 4, 2}, {2, 3, 3}}, 500, 2);
  MESSAGE(tally.robust << " robust, " << tally.counterexamples << " counterexamples, " << tally.unknown << " unknown");
  CHECK(tally.robust > 500);
  CHECK(tally.counterexamples > 500);
}

TEST_CASE("two inputs, several layers: no bound above what a grid finds") {
  std::mt19937 random(3);
  Tally tally;
  for (int i = 0; i < 150; ++i) {
    const Network network =
        odd_network(one_of<std::vector<std::int64_t>>({{2, 3, 3, 2}, {2, 3, 2, 2, 3}}, random), random);
    const std::vector<double> drawn = random_input(network, random);
    const std::vector<float> centre(drawn.begin(), drawn.end());
    const double epsilon = one_of<double>({0.05, 0.3, 1}, random);
    const Box box(centre, epsilon, {0, 1});
    const ExactBox exact = exact_box(centre, epsilon, 0, 1);
    std::vector<Point> points = corners_in_two_dimensions(network, exact);
    for (int x = 0; x <= 8; ++x) {
      for (int y = 0; y <= 8; ++y) {
        points.push_back({exact.low[0] + (exact.high[0] - exact.low[0]) * x / 8,
                          exact.low[1] + (exact.high[1] - exact.low[1]) * y / 8});
      }
    }
    const std::int64_t label = argmax(network.forward(std::vector<double>(centre.begin(), centre.end())));
    check_answers(network, label, box, exact, points, tally);
  }
  CHECK(tally.robust > 20);
}

TEST_CASE("one layer: a margin of 1e-9 of the scores is proven, one of -1e-9 is not") {
  std::mt19937 random(4);
  for (int i = 0; i < 200; ++i) {
    const Network network = random_dense({2, 2}, 1, random);
    const std::vector<double> drawn = random_input(network, random);
    const std::vector<float> centre(drawn.begin(), drawn.end());
    const Box box(centre, 0.125, {0, 1});
    const ExactBox exact = exact_box(centre, 0.125, 0, 1);
    std::vector<Point> points;
    for (const Wide& x : {exact.low[0], exact.high[0]}) {
      for (const Wide& y : {exact.low[1], exact.high[1]}) points.push_back({x, y});
    }
    const Network positive = with_margin(network, points, Wide(1e-9));
    const Network negative = with_margin(network, points, Wide(-1e-9));
    const Question question{.label = 0, .target = {}, .box = &box};
    CHECK(Verifier(positive).answer(question, Domain::deeppoly, always).verdict == Verdict::robust);
    CHECK(Verifier(positive).answer(question, Domain::intervals, always).verdict == Verdict::robust);
    CHECK(Verifier(negative).answer(question, Domain::deeppoly, always).verdict != Verdict::robust);
  }
}

TEST_CASE("an input that rounding swallows is not forgotten") {
  // n = relu(x + w) - w with w = 2^60 is x over the reals, but 0 in double: x disappears in the first sum. After
  // Zombori et al., "Fooling a complete neural network verifier", ICLR 2021. The margin 0.5 - x is violated at x = 1.
  constexpr float kHuge = 0x1p60F;
  NetworkBuilder builder({1});
  builder.linear({{1}}, {kHuge});
  builder.add(Relu{});
  builder.linear({{1}}, {-kHuge});
  builder.linear({{0}, {1}}, {0.5F, 0});
  const Network network = builder.build();
  CHECK(network.forward(std::vector<double>{1})[1] == 0);
  const std::vector<float> centre{0.25F};
  const Box box(centre, 1, {0, 1});
  const Verifier verifier(network);
  const Question question{.label = 0, .target = {}, .box = &box};
  for (const Domain domain : {Domain::intervals, Domain::deeppoly}) {
    const Answer answer = verifier.answer(question, domain, always);
    CHECK(answer.verdict == Verdict::unknown);
    CHECK(answer.bound <= -0.5);
  }
}

TEST_CASE("scores that overflow are never robust") {
  std::mt19937 random(5);
  NetworkBuilder builder({2});
  for (int i = 0; i < 12; ++i) {
    Linear layer = random_linear(2, 2, 1, random);
    layer.weight = Tensor::of({2, 2}, std::vector<float>{1e38F, 1e38F, 1e38F, 3e38F});
    builder.add(layer);
    builder.add(Relu{});
  }
  const Network network = builder.build();
  const std::vector<float> centre{0.5F, 0.5F};
  const Box box(centre, 0.001, {0, 1});
  const Verifier verifier(network);
  for (const std::int64_t label : {0, 1}) {
    for (const Domain domain : {Domain::intervals, Domain::deeppoly}) {
      const Answer answer = verifier.answer({.label = label, .target = {}, .box = &box}, domain, always);
      CHECK(answer.verdict == Verdict::unknown);
      CHECK(answer.bound == -HUGE_VAL);
    }
  }
}
