// SPDX-License-Identifier: Apache-2.0
// The two arithmetics that replays rely on: whatever they say a number is, it is within what they say it is off.
#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "artifact/ball.hpp"
#include "artifact/running_error.hpp"
#include "support/exact_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::testing;
using artifact::Channel;
using artifact::RunningError;
using artifact::Walk;
using exact::Ball;
using exact::Dyadic;
using exact::Exact;

namespace {

/// Rounded to 600 bits.
Wide wide(const Dyadic& x) {
  return ldexp(Wide(x.mantissa()), static_cast<int>(x.exponent()));
}

void check_holds(const RunningError::Number& x, const Wide& real) {
  CHECK(abs(Wide(x.value) - real) <= Wide(x.error));
}
/// The oracle itself is off by 2^-590 of its size.
void check_holds(const Ball& x, const Wide& real) {
  CHECK(abs(wide(x.middle) - real) <= wide(x.radius) + ldexp(abs(real), -590));
}

template <class A>
std::vector<typename A::Number> outputs(const Network& network, const std::vector<double>& x) {
  std::vector<typename A::Number> input;
  for (const double v : x) input.emplace_back(v);
  return Walk<A>(network).outputs(std::move(input));
}

template <class A>
std::vector<typename A::Number> checked_outputs(const Network& network, std::mt19937& random) {
  const std::vector<double> x = random_input(network, random);
  const auto reals = ExactNetwork<Wide>(network).output(std::vector<Wide>(x.begin(), x.end()));
  const auto y = outputs<A>(network, x);
  REQUIRE(y.size() == reals.size());
  for (std::size_t k = 0; k < y.size(); ++k) check_holds(y[k], reals[k]);
  return y;
}

double any_size(std::mt19937& random) {
  std::uniform_real_distribution<double> mantissa(-1, 1);
  std::uniform_int_distribution<int> exponent(-30, 30);
  return std::ldexp(mantissa(random), exponent(random));
}

Channel any_channel(std::mt19937& random) {
  std::uniform_real_distribution<float> draw(-2, 2);
  return {draw(random), draw(random), draw(random), std::abs(draw(random)), 1e-5};
}

Wide real_norm(const Channel& c, const Wide& x) {
  return Wide(double{c.gamma}) * (x - Wide(double{c.mean})) / sqrt(Wide(double{c.variance}) + Wide(c.epsilon)) +
         Wide(double{c.beta});
}

}  // namespace

TEST_CASE("a sum in double is off by no more than it says, cancellation included") {
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    RunningError::Sum sum;
    Wide real = 0;
    const int terms = std::uniform_int_distribution<int>(0, 12)(random);
    for (int k = 0; k < terms; ++k) {
      const double factor = any_size(random);
      const double x = any_size(random);
      const double error = random() % 2 == 0 ? 0 : std::abs(any_size(random)) * 1e-9;
      sum.add(factor, {x, error});
      real += Wide(factor) * (Wide(x) + Wide(random() % 2 == 0 ? error : -error));
    }
    const double bias = random() % 3 == 0 ? -static_cast<double>(real) : any_size(random);
    check_holds(sum.take(bias), real + Wide(bias));
  }
}

TEST_CASE("the least that a sum can lose is admitted") {
  RunningError::Sum half_a_unit;
  half_a_unit.add(1, RunningError::Number(0x1p-53));
  CHECK(half_a_unit.take(1).error >= 0x1p-53);  // 1 + 2^-53 rounds to 1
  RunningError::Sum swallowed;
  for (const double x : {0x1p60, 0.5, -0x1p60}) swallowed.add(1, RunningError::Number(x));
  CHECK(swallowed.take(0).error >= 0.5);
  RunningError::Sum overflow;
  overflow.add(1e300, RunningError::Number(1e300));
  CHECK_FALSE(std::isfinite(overflow.take(0).error));
}

TEST_CASE("ReLU, sums of two, quotients and batch norms in double are off by no more than they say") {
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    const double error = random() % 2 == 0 ? 0 : std::abs(any_size(random));
    const RunningError::Number x(any_size(random), error);
    const RunningError::Number y(any_size(random), error / 3);
    for (const double way : {-1.0, 0.25, 1.0}) {
      const Wide real_x = Wide(x.value) + Wide(way) * Wide(x.error);
      const Wide real_y = Wide(y.value) - Wide(way) * Wide(y.error);
      check_holds(RunningError::relu(x), real_x > 0 ? real_x : Wide(0));
      check_holds(RunningError::plus(x, y), real_x + real_y);
      check_holds(RunningError::divided(x, 3), real_x / 3);
      check_holds(RunningError::divided(x, -0.7F), real_x / Wide(double{-0.7F}));
      const Channel channel = any_channel(random);
      check_holds(RunningError::Norm(channel)(x), real_norm(channel, real_x));
    }
  }
}

TEST_CASE("balls hold the reals through roots and quotients, and are small") {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    const Channel channel = any_channel(random);
    Ball x(any_size(random));
    Wide real = wide(x.middle);
    for (int layer = 0; layer < 4; ++layer) {  // each on what the one before was off
      x = Exact::Norm(channel)(x);
      real = real_norm(channel, real);
      check_holds(x, real);
      x = Exact::divided(x, layer % 2 == 0 ? 0.3F : -7);
      real = real / Wide(layer % 2 == 0 ? double{0.3F} : -7.0);
      check_holds(x, real);
    }
    CHECK(x.radius.sign() > 0);
    CHECK(wide(x.radius) <= Wide(1e-130));
    // Both signs of what is left when a number meets its like: relu keeps what may be there.
    const Ball rest = Exact::relu(Exact::plus(x, {-x.middle, x.radius}));
    CHECK(rest.middle - rest.radius <= Dyadic(0));
    CHECK(x.radius <= rest.middle + rest.radius);
  }
}

TEST_CASE("what a ball loses when it is cut short, its radius gains") {
  const Dyadic tail(1, -900);
  for (const Dyadic& middle : {Dyadic(1) + tail, -(Dyadic(1) + tail)}) {
    const Dyadic radius(1, -1500);
    const Ball kept = Exact::plus({middle, radius}, Ball(0));
    CHECK(!(kept.middle == middle));
    CHECK(exact::abs(kept.middle - middle) + radius <= kept.radius);
    CHECK(kept.radius <= Dyadic(1, -899));
  }
}

TEST_CASE("every operation, in both arithmetics, against 600 bits") {
  std::mt19937 random(4);
  for (int i = 0; i < 8; ++i) {
    for (const Network& network :
         {random_residual(random), random_chain({6, 5}, static_cast<std::uint32_t>(i), {1, 2, 2}, 2)}) {
      for (const RunningError::Number& y : checked_outputs<RunningError>(network, random)) CHECK(y.error < 1e-10);
      for (const Ball& y : checked_outputs<Exact>(network, random)) CHECK(wide(y.radius) < Wide(1e-130));
    }
    for (const Ball& y : checked_outputs<Exact>(random_dense({3, 5, 4, 2}, 0.8, random), random)) {
      CHECK(y.radius.is_zero());
    }
  }
}
