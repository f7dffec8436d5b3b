// SPDX-License-Identifier: Apache-2.0
// What verifiers by linear programs stand on: certified bounds from any multipliers, the solver, networks as programs,
// the tree.
#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include "abstract/domains.hpp"
#include "linear_program/certificate.hpp"
#include "linear_program/tree.hpp"
#include "support/exact_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::linear;
using namespace espalier::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool always() {
  return true;
}

/// x, y in [0, 1] with x + y in the range.
Program two_columns(Interval sum) {
  Program program;
  const Terms both{{program.add_column({0, 1}), 1}, {program.add_column({0, 1}), 1}};
  program.add_row(both, sum);
  return program;
}

const Terms kMinusBoth{{0, -1}, {1, -1}};

double certified(const Program& program, const Terms& objective, const std::vector<double>& multipliers) {
  return certified_low(program, program.columns(), objective, multipliers);
}

double any_scale(std::mt19937& random) {
  const int exponent = std::uniform_int_distribution(-60, 60)(random);
  return std::ldexp(std::uniform_real_distribution(-1.0, 1.0)(random), exponent);
}

/// Random rows around a random point, and the point.
struct Planted {
  Program program;
  Terms objective;
  std::vector<double> multipliers;
  Wide value;  ///< of the objective at a point of the program
};

Planted planted(std::mt19937& random) {
  Planted p;
  std::vector<double> point;
  for (int j = 0; j < 5; ++j) {
    point.push_back(any_scale(random));
    const double reach = std::abs(any_scale(random));
    p.program.add_column({std::min(point.back(), point.back() - reach), point.back() + reach});
    p.objective.push_back({j, any_scale(random)});
    p.value += Wide(p.objective.back().factor) * Wide(point.back());
  }
  for (int i = 0; i < 4; ++i) {
    Terms row;
    Wide sum = 0;
    for (int j = i % 2; j < 5; j += 1 + i / 2) {
      row.push_back({j, any_scale(random)});
      sum += Wide(row.back().factor) * Wide(point[static_cast<std::size_t>(j)]);
    }
    const auto near = static_cast<double>(sum);
    Interval range{std::nextafter(near, -HUGE_VAL), std::nextafter(near, HUGE_VAL)};
    if (i == 2) range.low = -HUGE_VAL;
    if (i == 3) range.high = HUGE_VAL;
    p.program.add_row(row, range);
    p.multipliers.push_back(any_scale(random));
  }
  return p;
}

/// The network at a point: its one-point box, relaxed and encoded.
Encoding at_point(const abstract::Graph& graph, const std::vector<float>& point, double epsilon) {
  const abstract::Box box(point, epsilon, {-HUGE_VAL, HUGE_VAL});
  const auto relaxation = abstract::intervals(graph, box);
  std::vector<std::size_t> outputs;
  for (std::int64_t k = 0; k < graph.size(graph.output()); ++k) outputs.push_back(static_cast<std::size_t>(k));
  return encode(relaxation, outputs);
}

/// Forces the encoding's inputs to a point; the other columns keep the bounds of the whole box.
Encoding with_inputs(const Encoding& encoding, const std::vector<double>& point) {
  Encoding fixed = encoding;
  Program program;
  for (std::size_t j = 0; j < encoding.program.columns().size(); ++j) {
    const bool is_input = j < point.size();
    program.add_column(is_input ? Interval{point[j], point[j]} : encoding.program.columns()[j]);
  }
  for (std::size_t i = 0; i < encoding.program.row_count(); ++i) {
    program.add_row(encoding.program.row(i), encoding.program.ranges()[i]);
  }
  fixed.program = program;
  return fixed;
}

Outcome search(const Encoding& encoding, const Terms& objective, double above) {
  return Tree(encoding).run({.objective = objective, .above = above, .visit = {}}, always);
}

/// Every output of the network at random points of a box is what the encoding says, from both sides.
void check_encoding(const Network& network, double epsilon, std::mt19937& random) {
  const abstract::Graph graph(network);
  const auto drawn = random_input(network, random);
  const std::vector<float> centre(drawn.begin(), drawn.end());
  const Encoding encoding = at_point(graph, centre, epsilon);
  for (int i = 0; i < 3; ++i) {
    std::vector<double> point;
    for (const float c : centre) {
      point.push_back(double{c} + std::uniform_real_distribution(-0.99, 0.99)(random) * epsilon);
    }
    const Encoding fixed = with_inputs(encoding, point);
    const std::vector<double> scores = network.forward(point);
    for (std::size_t k = 0; k < scores.size(); ++k) {
      for (const double sign : {1.0, -1.0}) {
        const Terms objective{fixed.term(k, sign)};
        const double room = 1e-6 * (1 + std::abs(scores[k]));
        REQUIRE(search(fixed, objective, sign * scores[k] - room).ended == Ended::proven);
        REQUIRE(search(fixed, objective, sign * scores[k] + room).ended == Ended::open);
      }
    }
  }
}

}  // namespace

TEST_CASE("certified bounds of -x - y with x + y at most 1, by hand") {
  const Program program = two_columns({-HUGE_VAL, 1});
  CHECK(certified(program, kMinusBoth, {-1}) == doctest::Approx(-1));  // the optimal multiplier
  CHECK(certified(program, kMinusBoth, {-1}) <= -1);
  CHECK(certified(program, kMinusBoth, {0}) == doctest::Approx(-2));  // the bounds alone
  CHECK(certified(program, kMinusBoth, {-0.5}) == doctest::Approx(-1.5));
  CHECK(certified(program, kMinusBoth, {3}) == doctest::Approx(-2));  // there is no low end: as 0
}

TEST_CASE("a ray certifies that there is no point, and only when there is none") {
  CHECK(certified(two_columns({3, HUGE_VAL}), {}, {1}) == doctest::Approx(1));
  CHECK(certified(two_columns({2, HUGE_VAL}), {}, {1}) <= 0);
  CHECK(certified(two_columns({3, HUGE_VAL}), {}, {-1}) <= 0);
}

TEST_CASE("multipliers that are not numbers certify nothing") {
  for (const double m : {kNaN, HUGE_VAL, -HUGE_VAL}) {
    CHECK(certified(two_columns({0, 1}), kMinusBoth, {m}) == -HUGE_VAL);
    CHECK(certified(two_columns({3, 4}), {}, {m}) == -HUGE_VAL);
  }
}

TEST_CASE("no certified bound lies above the objective at a point, whatever the multipliers") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const Planted p = planted(random);
    const double low = certified(p.program, p.objective, p.multipliers);
    REQUIRE((low == -HUGE_VAL || Wide(low) <= p.value));
    REQUIRE(!(certified(p.program, {}, p.multipliers) > 0));
  }
}

TEST_CASE("the simplex method: optimum, multipliers, ray, limit") {
  const Program program = two_columns({-HUGE_VAL, 1});
  Simplex simplex(program);
  simplex.set_objective(kMinusBoth, HUGE_VAL);
  REQUIRE(simplex.solve(always) == Solved::optimal);
  CHECK(simplex.point()[0] + simplex.point()[1] == doctest::Approx(1));
  const std::vector<double> multipliers(simplex.multipliers().begin(), simplex.multipliers().end());
  CHECK(certified(program, kMinusBoth, multipliers) == doctest::Approx(-1));
  simplex.set_bounds(0, {1, 1});
  simplex.set_bounds(1, {0.5, 1});
  CHECK(simplex.solve(always) == Solved::infeasible);
  const Intervals columns{{1, 1}, {0.5, 1}};
  CHECK(certified_low(program, columns, {}, simplex.multipliers()) > 0);
}

TEST_CASE("a solve ends when it is told to, also by an exception") {
  std::mt19937 random(2);
  const abstract::Graph graph(random_dense({30, 20, 20, 2}, 1, random));
  const Encoding encoding = at_point(graph, std::vector<float>(30, 0.5F), 0.3);
  Simplex simplex(encoding.program);
  simplex.set_objective(std::vector<Term>{encoding.term(0, 1)}, HUGE_VAL);
  int asked = 0;
  CHECK(simplex.solve([&] { return ++asked < 3; }) == Solved::stopped);
  CHECK(asked == 3);
  CHECK_THROWS_AS(simplex.solve([]() -> bool { throw std::runtime_error("stop"); }), std::runtime_error);
  CHECK(simplex.solve(always) == Solved::optimal);
}

TEST_CASE("an encoding holds exactly the network: dense, pruned, with batch norm, residual") {
  std::mt19937 random(3);
  for (int i = 0; i < 20; ++i) check_encoding(random_dense({3, 4, 3, 2}, 0.8, random), 0.3, random);
  for (int i = 0; i < 5; ++i) check_encoding(random_residual(random), 0.002, random);
}

TEST_CASE("an encoding of ReLUs that read the input, another ReLU or a sum") {
  std::mt19937 random(4);
  NetworkBuilder builder({3});
  const int first = builder.add(Relu{});
  builder.add(Relu{});
  const int again = builder.add(random_linear(3, 3, 1, random), {0});
  const int sum = builder.add(Add{}, {again, first});
  builder.add(Relu{}, {sum});
  const int flat = builder.add(Flatten{}, {sum});
  const int other = builder.add(Relu{}, {flat});
  builder.add(Add{}, {sum, other});
  check_encoding(builder.build(), 2, random);
}

TEST_CASE("a tree stops at its limits, with a bound that holds") {
  std::mt19937 random(5);
  const Network network = random_dense({4, 12, 12, 1}, 1, random);
  const abstract::Graph graph(network);
  const std::vector<float> centre(4, 0.5F);
  const Encoding encoding = at_point(graph, centre, 0.5);
  Tree tree(encoding);
  Search goal{.objective = {encoding.term(0, 1)}, .above = 100, .most_nodes = 7, .visit = {}};
  const Outcome limited = tree.run(goal, always);
  CHECK(limited.ended == Ended::open);
  CHECK(limited.nodes == 7);
  goal.most_nodes = 0;
  int asked = 0;
  CHECK(tree.run(goal, [&] { return ++asked < 500; }).ended == Ended::stopped);
  goal.visit = [](std::span<const double> input) { return input.size() == 4; };
  CHECK(tree.run(goal, always).ended == Ended::found);
  for (int i = 0; i < 1000; ++i) {
    std::vector<double> point;
    for (int k = 0; k < 4; ++k) point.push_back(std::uniform_real_distribution(0.0, 1.0)(random));
    CHECK(network.forward(point)[0] >= limited.low);
  }
}
