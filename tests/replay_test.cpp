// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <boost/multiprecision/cpp_int.hpp>
#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/replay.hpp>

#include "artifact/dyadic.hpp"
#include "support/exact_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::testing;
using boost::multiprecision::cpp_rational;
using exact::Dyadic;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity();

cpp_rational rational(const Dyadic& x) {
  const boost::multiprecision::cpp_int mantissa(x.mantissa());
  const auto shift = static_cast<unsigned>(std::abs(x.exponent()));
  const cpp_rational power(boost::multiprecision::cpp_int(1) << shift);
  return x.exponent() < 0 ? cpp_rational(mantissa / power) : cpp_rational(mantissa * power);
}

/// A double of any size and sign, zero and denormal ones included.
double any_double(std::mt19937& random) {
  std::uniform_real_distribution<double> mantissa(-1, 1);
  std::uniform_int_distribution<int> exponent(-1080, 1020);
  std::uniform_int_distribution<int> near(-3, 3);
  const double m = mantissa(random);
  if (random() % 16 == 0) return 0;
  return std::ldexp(random() % 4 == 0 ? std::round(m * 8) : m, random() % 2 == 0 ? exponent(random) : near(random));
}

/// "Outputs at the point: sum of factor * output <= limit", anywhere.
Property about(const Network& network, std::vector<OutputConstraint> constraints) {
  Property p;
  p.inputs = element_count(network.input_shape());
  p.outputs = element_count(network.output_shape());
  const auto inputs = static_cast<std::size_t>(p.inputs);
  p.boxes = {{std::vector<double>(inputs, -kInfinity), std::vector<double>(inputs, kInfinity)}};
  p.cases = {{.box = 0, .constraints = std::move(constraints)}};
  return p;
}

Holds ask(const Network& network, const std::vector<double>& point, std::vector<OutputConstraint> constraints) {
  return replay(network, point, about(network, std::move(constraints))).over_reals;
}

/// y = x.
Network identity() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  return builder.build();
}

/// Output 0 at random points, against limits that differ from it by one unit in the last place or less.
void check_near_ties(const Network& network, std::mt19937& random, int points) {
  const ExactNetwork<Wide> exact_network(network);
  for (int i = 0; i < points; ++i) {
    std::vector<double> x = random_input(network, random);
    for (double& v : x) v = static_cast<float>(v);
    const Wide y = exact_network.output(std::vector<Wide>(x.begin(), x.end()))[0];
    const double near = static_cast<double>(y);
    for (const double limit : {near, std::nextafter(near, kInfinity), std::nextafter(near, -kInfinity), near + 1}) {
      CHECK(ask(network, x, {{{{0, 1}}, limit}}) == (y <= Wide(limit) ? Holds::yes : Holds::no));
      CHECK(ask(network, x, {{{{0, -1}}, -limit}}) == (y >= Wide(limit) ? Holds::yes : Holds::no));
    }
  }
}

}  // namespace

TEST_CASE("dyadic numbers are the rationals they stand for") {
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    const double a = any_double(random);
    const double b = any_double(random);
    const double c = any_double(random);
    const cpp_rational ra(a);
    const cpp_rational rb(b);
    const cpp_rational rc(c);
    CHECK(rational(Dyadic(a)) == ra);
    CHECK(rational(Dyadic(a) + Dyadic(b)) == ra + rb);
    CHECK(rational(Dyadic(a) * Dyadic(b) - Dyadic(c)) == ra * rb - rc);
    CHECK((Dyadic(a) < Dyadic(b)) == (ra < rb));
    CHECK((Dyadic(a) <= Dyadic(a)));
    CHECK((Dyadic(a) == Dyadic(b)) == (ra == rb));
    Dyadic sum(a);
    sum.add_product(b, Dyadic(c));
    CHECK(rational(sum) == ra + rb * rc);
    sum.reduce();
    CHECK(rational(sum) == ra + rb * rc);
    CHECK((sum.is_zero() || sum.mantissa() % 2 != 0));
    CHECK(rational(exact::abs(Dyadic(a))) == abs(ra));
  }
}

TEST_CASE("a violation that every double hides is found, and one that doubles invent is not") {
  // relu(x + 2^60) - 2^60 is x over the reals and 0 in double. After Zombori et al., ICLR 2021.
  constexpr float kHuge = 0x1p60F;
  NetworkBuilder builder({1});
  builder.linear({{1}}, {kHuge});
  builder.add(Relu{});
  builder.linear({{1}}, {-kHuge});
  const Network network = builder.build();
  CHECK(network.forward(std::vector<double>{0.5})[0] == 0);
  const Replay below = replay(network, std::vector<double>{0.5}, about(network, {{{{0, 1}}, 0.25}}));
  CHECK(below.over_reals == Holds::no);
  CHECK(below.in_float32);
  CHECK(below.reason == "its constraints are met in double precision, but not over the reals");
  const Replay above = replay(network, std::vector<double>{0.5}, about(network, {{{{0, -1}}, -0.25}}));
  CHECK(above.over_reals == Holds::yes);
  CHECK_FALSE(above.in_float32);
  CHECK(above.reason.empty());
}

TEST_CASE("a tie meets a constraint, a denormal more does not") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  CHECK(ask(identity(), {0.5}, {{{{0, 1}}, 0.5}}) == Holds::yes);
  CHECK(ask(identity(), {tiny}, {{{{0, 1}}, 0}}) == Holds::no);
  CHECK(ask(identity(), {-tiny}, {{{{0, 1}}, 0}}) == Holds::yes);
  CHECK(ask(identity(), {tiny}, {{{{0, 1}}, tiny}}) == Holds::yes);
  CHECK(ask(identity(), {1e308}, {{{{0, 1e308}}, 1e308}}) == Holds::no);  // 1e616 is no double
  CHECK(ask(identity(), {0.5}, {{{{0, 1}}, kInfinity}}) == Holds::yes);
  CHECK(ask(identity(), {0.5}, {{{{0, 1}}, -kInfinity}}) == Holds::no);
}

TEST_CASE("networks of every kind against 600 bits, at limits next to the outputs") {
  std::mt19937 random(2);
  for (int i = 0; i < 6; ++i) {
    check_near_ties(random_dense({3, 5, 4, 2}, 0.8, random), random, 5);
    check_near_ties(random_residual(random), random, 2);
    check_near_ties(random_chain({6, 5}, static_cast<std::uint32_t>(i), {1, 2, 2}, 2), random, 5);
  }
}

TEST_CASE("overflow of doubles is not overflow of the reals") {
  NetworkBuilder builder({1});
  for (int i = 0; i < 12; ++i) builder.linear({{3e38F}}, {0});
  const Network network = builder.build();
  const Replay seen = replay(network, std::vector<double>{1}, about(network, {{{{0, -1}}, -1e308}}));
  CHECK(seen.over_reals == Holds::yes);
  CHECK_FALSE(seen.in_float32);  // infinite
  CHECK(ask(network, {-1}, {{{{0, -1}}, 0}}) == Holds::no);
}

TEST_CASE("a tie behind a root is not decided, and is told so") {
  NetworkBuilder builder({1});
  builder.add(BatchNorm{.gamma = Tensor::of({1}, std::vector<float>{1}),
                        .beta = Tensor::of({1}, std::vector<float>{0}),
                        .mean = Tensor::of({1}, std::vector<float>{0}),
                        .variance = Tensor::of({1}, std::vector<float>{2}),
                        .epsilon = 0});
  builder.linear({{1}, {1}}, {0, 0});
  const Network network = builder.build();
  const Replay tie = replay(network, std::vector<double>{1}, about(network, {{{{0, 1}, {1, -1}}, 0}}));
  CHECK(tie.over_reals == Holds::undecided);
  CHECK(tie.reason == "its constraints are met in double precision, but too close to a tie to be told from one");
  CHECK(ask(network, {1}, {{{{0, 1}}, std::sqrt(0.5)}}) == Holds::yes);  // that double is above the root
  CHECK(ask(network, {1}, {{{{0, 1}}, std::nextafter(std::sqrt(0.5), 0.0)}}) == Holds::no);
}

TEST_CASE("a batch norm whose root is a number with an end is exact") {
  NetworkBuilder builder({1});
  builder.add(BatchNorm{.gamma = Tensor::of({1}, std::vector<float>{3}),
                        .beta = Tensor::of({1}, std::vector<float>{1}),
                        .mean = Tensor::of({1}, std::vector<float>{0.25F}),
                        .variance = Tensor::of({1}, std::vector<float>{3.75F}),
                        .epsilon = 0.25});
  const Network network = builder.build();  // 3 (x - 1/4) / 2 + 1
  CHECK(ask(network, {0.75}, {{{{0, 1}}, 1.75}}) == Holds::yes);
  CHECK(ask(network, {0.75}, {{{{0, -1}}, -1.75}}) == Holds::yes);
}

TEST_CASE("cases are alternatives, their constraints are not, and a box holds exactly its points") {
  NetworkBuilder builder({2});
  builder.linear({{1, 0}, {0, 1}}, {0, 0});
  const Network network = builder.build();
  Property p;
  p.inputs = 2;
  p.outputs = 2;
  p.boxes = {{{0, 0}, {0.5, 0.5}}, {{0.5, 0.5}, {1, 1}}};
  p.cases = {{.box = 0, .constraints = {{{{0, 1}}, 0.25}, {{{1, -1}}, -0.25}}},
             {.box = 1, .constraints = {{{{0, 1}, {1, 1}}, 1}}}};
  const auto at = [&](double x, double y) { return replay(network, std::vector<double>{x, y}, p); };
  CHECK(at(0.25, 0.25).over_reals == Holds::yes);
  CHECK(at(0.25, 0.125).over_reals == Holds::no);  // the second constraint
  CHECK(at(0.25, 0.125).reason == "constraint 1 is -0.125, above -0.25");
  CHECK(at(0.375, 0.5).over_reals == Holds::no);
  CHECK(at(0.5, 0.5).over_reals == Holds::yes);  // by the second case
  CHECK(at(0.75, 0.75).over_reals == Holds::no);
  CHECK(at(0.25, 0.75).reason == "element 0 of the witness is 0.25, outside [0.5, 1]");
  CHECK(at(std::nan(""), 0.75).over_reals == Holds::no);
  p.cases[1].constraints.clear();  // every output will do
  CHECK(at(0.75, 0.75).over_reals == Holds::yes);
  p.cases.clear();
  CHECK(at(0.25, 0.25).over_reals == Holds::no);
}

TEST_CASE("sizes that do not fit are refused") {
  const Property p = about(identity(), {});
  CHECK_THROWS_AS(replay(identity(), std::vector<double>{1, 2}, p), Error);
  CHECK_THROWS_AS(replay(random_dense({2, 2}, 1, *std::make_unique<std::mt19937>(1)), std::vector<double>{1, 2}, p),
                  Error);
}
