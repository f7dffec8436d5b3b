// SPDX-License-Identifier: Apache-2.0
// Solvers of mixed-integer programs: what they show, on networks whose exact smallest margin is known.
#include <cmath>
#include <random>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "abstract/domains.hpp"
#include "milp/solvers.hpp"
#include "support/exact_minimum.hpp"
#include "support/odd_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::linear;
using namespace espalier::testing;

namespace {

bool always() {
  return true;
}

std::vector<std::shared_ptr<const MipSolver>> solvers() {
  std::vector<std::shared_ptr<const MipSolver>> all{milp::make_cbc()};
  if (auto highs = milp::make_highs()) all.push_back(std::move(highs));
  return all;
}

/// Whether the second class of a network of one input can win in the box, as a program whose objective is the margin.
struct Puzzle {
  Encoding encoding;
  Terms margin;
};

Puzzle puzzle(const Network& network, const abstract::Box& box) {
  const abstract::Graph graph(network);
  const std::vector<std::size_t> scores{0, 1};
  Puzzle out{.encoding = encode(abstract::intervals(graph, box), scores), .margin = {}};
  out.margin = {out.encoding.term(0, 1), out.encoding.term(1, -1)};
  return out;
}

/// s = |2 x - 1| against 0.75 for x in [0, 1]: the margin is below 0 near both ends, -0.25 at them.
Network valley() {
  NetworkBuilder builder({1});
  builder.linear({{2}, {-2}}, {-1, 1});
  builder.add(Relu{});
  builder.linear({{0, 0}, {1, 1}}, {0.75F, 0});
  return builder.build();
}

const std::vector<float> kHalf{0.5F};

}  // namespace

TEST_CASE("a solver of mixed-integer programs shows inputs of the smallest margin, and none where it is above 0") {
  std::mt19937 random(1);
  int shown = 0;
  int none = 0;
  for (int i = 0; i < 200; ++i) {
    const Network network = random_dense({1, 3, 3, 2}, 0.9, random);
    const std::vector<float> centre{std::uniform_real_distribution<float>(0, 1)(random)};
    const abstract::Box box(centre, 0.4, {0, 1});
    const ExactBox exact = exact_box(centre, 0.4, 0, 1);
    const Wide smallest = smallest_margin(network, 0, corners(network, exact));
    if (Wide(abs(smallest)) < Wide(1e-4)) continue;
    const Puzzle question = puzzle(network, box);
    for (const auto& solver : solvers()) {
      Wide best = HUGE_VAL;
      solver->solve(
          question.encoding, question.margin,
          [&](std::span<const double> input) {
            best = std::min(best, smallest_margin(network, 0, {Point(input.begin(), input.end())}));
            return false;
          },
          always);
      if (smallest > 0) CHECK(best > 0);
      if (smallest < 0) CHECK(Wide(abs(best - smallest)) < Wide(1e-5));
      ++(smallest < 0 ? shown : none);
    }
  }
  CHECK(shown > 50);
  CHECK(none > 50);
}

TEST_CASE("a solver of mixed-integer programs ends when what it shows will do, when it is told to, and with errors") {
  const Network network = valley();
  const abstract::Box box(kHalf, 1, {0, 1});
  const Puzzle question = puzzle(network, box);
  for (const auto& solver : solvers()) {
    int shown = 0;
    const auto count = [&](std::span<const double>) { return ++shown > 0; };
    solver->solve(question.encoding, question.margin, count, always);
    CHECK(shown == 1);
    const auto refuse = [](std::span<const double>) -> bool { throw std::runtime_error("visitor"); };
    CHECK_THROWS_WITH(solver->solve(question.encoding, question.margin, refuse, always), "visitor");
    const auto fail = []() -> bool { throw std::runtime_error("clock"); };
    CHECK_THROWS_WITH(solver->solve(
                          question.encoding, question.margin, [](auto) { return false; }, fail),
                      "clock");
  }
}

TEST_CASE("solvers of mixed-integer programs have names, and one that is not in the build is refused") {
  CHECK(milp::solver_named("clp") == nullptr);
  CHECK(milp::solver_named("cbc") != nullptr);
  if (milp::make_highs()) {
    CHECK(milp::solver_named("highs") != nullptr);
  } else {
    CHECK_THROWS_AS(milp::solver_named("highs"), Error);
  }
}
