// SPDX-License-Identifier: Apache-2.0
// The bounds behind the stages: what they must contain, where they must be exact, what rounding may not do to them.
#include <cfenv>
#include <cmath>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "abstract/box.hpp"
#include "abstract/domains.hpp"
#include "abstract/rounding.hpp"
#include "abstract/substitution.hpp"
#include "support/exact_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::abstract;
using namespace espalier::testing;

namespace {

constexpr Interval kPixels{0, 1};

bool always() {
  return true;
}

/// A number between 2^-40 and 2^40 of either sign, or 0.
double any_scale(std::mt19937& random) {
  const int exponent = std::uniform_int_distribution(-40, 40)(random);
  const double mantissa = std::uniform_real_distribution(-1.0, 1.0)(random);
  return std::bernoulli_distribution(0.05)(random) ? 0 : std::ldexp(mantissa, exponent);
}

std::vector<float> random_centre(const Network& network, std::mt19937& random) {
  const std::vector<double> input = random_input(network, random);
  return {input.begin(), input.end()};
}

/// A point of the box's hull: a corner, or anywhere.
std::vector<double> random_point(const Box& box, bool corner, std::mt19937& random) {
  std::vector<double> point;
  for (const Interval& x : box.hull()) {
    const double share = std::uniform_real_distribution(0.0, 1.0)(random);
    const double inside = std::min(x.low + share * (x.high - x.low), x.high);
    point.push_back(corner ? (share < 0.5 ? x.low : x.high) : inside);
  }
  return point;
}

template <class T>
bool lies_in(const std::vector<std::vector<T>>& values, const Relaxation& relaxation, double tolerance) {
  for (std::size_t v = 0; v < values.size(); ++v) {
    const Intervals& bounds = relaxation.bounds(static_cast<int>(v));
    for (std::size_t k = 0; k < values[v].size(); ++k) {
      if (!(values[v][k] >= T(bounds[k].low) - T(tolerance))) return false;
      if (!(values[v][k] <= T(bounds[k].high) + T(tolerance))) return false;
    }
  }
  return true;
}

/// Wide points strictly; ten thousand points in double, whose own rounding is some 1e-14 here.
void check_contains_samples(const Network& network, const Relaxation& relaxation, const Box& box,
                            std::mt19937& random) {
  const ExactNetwork<Wide> exact(network);
  for (int i = 0; i < 20; ++i) {
    const auto point = random_point(box, i % 2 == 0, random);
    REQUIRE(lies_in(exact.values({point.begin(), point.end()}), relaxation, 0));
  }
  const ExactNetwork<double> quick(network);
  for (int i = 0; i < 10000; ++i) {
    REQUIRE(lies_in(quick.values(random_point(box, i % 2 == 0, random)), relaxation, 1e-11));
  }
}

void check_inside(const Relaxation& inner, const Relaxation& outer) {
  for (int v = 0; v < inner.graph().values(); ++v) {
    for (std::size_t k = 0; k < inner.bounds(v).size(); ++k) {
      REQUIRE(inner.bounds(v)[k].low >= outer.bounds(v)[k].low);
      REQUIRE(inner.bounds(v)[k].high <= outer.bounds(v)[k].high);
    }
  }
}

void check_network(const Network& network, double epsilon, std::mt19937& random) {
  const std::vector<float> centre = random_centre(network, random);
  const Box box(centre, epsilon, kPixels);
  const Graph graph(network);
  const Relaxation coarse = intervals(graph, box);
  const auto fine = deeppoly(graph, box, always);
  REQUIRE(fine);
  check_inside(*fine, coarse);
  check_contains_samples(network, *fine, box, random);
}

/// The lower bound of output 0 minus output 1.
double margin_bound(const Relaxation& relaxation, Depth depth) {
  const std::vector<Row> rows{{{0, 1}, {1, -1}}};
  return substitute(relaxation, relaxation.graph().output(), rows, depth).low[0];
}

/// What -e moves the bounds of a small network by at most.
constexpr double kAlmost = 1e-12;

}  // namespace

TEST_CASE("of two lower bounds the lesser counts; what is not a number says nothing, wherever it stands") {
  CHECK(lesser(1, 2) == 1);
  CHECK(lesser(2, 1) == 1);
  CHECK(lesser(HUGE_VAL, 3) == 3);
  CHECK(lesser(1, NAN) == -HUGE_VAL);
  CHECK(lesser(NAN, 1) == -HUGE_VAL);
  CHECK(lesser(lesser(HUGE_VAL, NAN), 1) == -HUGE_VAL);
}

TEST_CASE("a sum rounds down and up to the neighbours of the real sum, and not at all when it is exact") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double a = any_scale(random);
    const double b = any_scale(random);
    const Wide real = Wide(a) + Wide(b);
    REQUIRE(Wide(sum_down(a, b)) <= real);
    REQUIRE(Wide(sum_up(a, b)) >= real);
    REQUIRE((sum_up(a, b) == sum_down(a, b)) == (Wide(a + b) == real));
    REQUIRE(sum_up(a, b) <= std::nextafter(sum_down(a, b), HUGE_VAL));
  }
}

TEST_CASE("bounds are refused under another rounding mode") {
  CHECK_NOTHROW(require_ieee_arithmetic());
  std::fesetround(FE_UPWARD);
  CHECK_THROWS_AS(require_ieee_arithmetic(), Error);
  std::fesetround(FE_TONEAREST);
  CHECK_NOTHROW(require_ieee_arithmetic());
}

TEST_CASE("the lines around a ReLU hold over the reals, whatever a product with the slope rounds to") {
  std::mt19937 random(2);
  for (int i = 0; i < 20000; ++i) {
    const double a = any_scale(random);
    const double b = any_scale(random);
    const Interval z{std::min(a, b), std::max(a, b)};
    const ReluLines lines = relu_lines(z);
    const double coefficient = any_scale(random);
    for (const double end : {z.low, z.high, 0.0}) {
      if (!(z.low <= end && end <= z.high)) continue;
      const Wide y = std::max(end, 0.0);
      REQUIRE(Wide(lines.slope_low) * Wide(end) <= y);
      const double product = coefficient * lines.slope_high;  // rounded, as a substitution does it
      const Wide line = Wide(product) * Wide(end) + Wide(coefficient) * Wide(lines.offset);
      REQUIRE((coefficient >= 0 ? line >= Wide(coefficient) * y : line <= Wide(coefficient) * y));
    }
  }
}

TEST_CASE("DeepPoly takes the lower line with the smaller triangle") {
  CHECK(relu_lines({-1, 2}).slope_low == 1);
  CHECK(relu_lines({-2, 1}).slope_low == 0);
  CHECK(relu_lines({-2, 2}).slope_low == 0);
  CHECK(relu_lines({-1, 3}).slope_high == 0.75);
  CHECK(relu_lines({-1, 3}).offset == doctest::Approx(0.75));
  CHECK(relu_lines({0, 3}).slope_low == 1);
  CHECK(relu_lines({-3, 0}).slope_high == 0);
}

TEST_CASE("a box holds exactly the floats within the radius and the clip range") {
  const std::vector<float> centre{0.1F, 0.5F, 1.0F};
  const Box box(centre, 0.25, kPixels);
  CHECK(box.hull()[0].low == 0);  // clipped
  CHECK(box.hull()[1].low == 0.25);
  CHECK(box.hull()[1].high == 0.75);  // exact sums are not widened
  CHECK(box.hull()[2].high == 1);
  CHECK(box.contains(1, 0.75F));
  CHECK_FALSE(box.contains(1, std::nextafter(0.75F, 1.0F)));
  CHECK_FALSE(box.contains(2, std::nextafter(1.0F, 2.0F)));
  CHECK_FALSE(box.contains(0, std::nanf("")));

  std::mt19937 random(3);
  for (int i = 0; i < 5000; ++i) {
    const std::vector<float> c{static_cast<float>(any_scale(random))};
    const double epsilon = std::abs(any_scale(random));
    const Box around(c, epsilon, {-HUGE_VAL, HUGE_VAL});
    REQUIRE(Wide(around.hull()[0].low) <= Wide(c[0]) - Wide(epsilon));
    REQUIRE(Wide(around.hull()[0].high) >= Wide(c[0]) + Wide(epsilon));
    for (const double wanted : {around.hull()[0].low, around.hull()[0].high}) {
      const auto inside = around.round_into(std::vector<double>{wanted});
      REQUIRE(inside);
      REQUIRE(abs(Wide((*inside)[0]) - Wide(c[0])) <= Wide(epsilon));
      REQUIRE(around.contains(0, (*inside)[0]));
    }
  }
}

TEST_CASE("a box without points, or with NaN in it, is empty") {
  const std::vector<float> centre{2.0F};
  CHECK(Box(centre, 0.5, kPixels).empty());
  CHECK_FALSE(Box(centre, 1, kPixels).empty());
  CHECK(Box(centre, std::nan(""), kPixels).empty());
  CHECK(Box(centre, 1, {std::nan(""), 1}).empty());
  CHECK(Box(centre, 1, {0, std::nan("")}).empty());
  const std::vector<float> no_number{std::nanf("")};
  CHECK(Box(no_number, 1, kPixels).empty());
}

TEST_CASE("DeepPoly on an example by hand") {
  // x1, x2 in [-1, 1]; x3 = x1 + x2, x4 = x1 - x2, both in [-2, 2]; x5 = relu(x3), x6 = relu(x4).
  // Lines: 0 <= x5 <= x3/2 + 1 and 0 <= x6 <= x4/2 + 1 (equal triangles: the lower line is 0).
  // x7 = x5 + x6: at least 0, at most (x1 + x2)/2 + 1 + (x1 - x2)/2 + 1 = x1 + 2 <= 3; intervals say 4.
  // x8 = x5 - x6: between -(x4/2 + 1) >= -2 and x3/2 + 1 <= 2; intervals say the same.
  // x9 = relu(x7), which is x7; out0 = 3.5 and out1 = x9: out0 - out1 >= 3.5 - (x1 + 2) >= 0.5; intervals say -0.5.
  NetworkBuilder builder({2});
  builder.linear({{1, 1}, {1, -1}}, {0, 0});
  builder.add(Relu{});
  const int second = builder.linear({{1, 1}, {1, -1}}, {0, 0});
  builder.add(Relu{});
  builder.linear({{0, 0}, {1, 0}}, {3.5F, 0});
  const Network network = builder.build();
  const std::vector<float> centre{0, 0};
  const Box box(centre, 1, {-1, 1});
  const Graph graph(network);

  const Relaxation coarse = intervals(graph, box);
  CHECK(coarse.bounds(second)[0].high == doctest::Approx(4).epsilon(kAlmost));
  CHECK(margin_bound(coarse, Depth::nearest_relu) == doctest::Approx(-0.5).epsilon(kAlmost));

  const auto fine = deeppoly(graph, box, always);
  REQUIRE(fine);
  CHECK(fine->bounds(second)[0].low == doctest::Approx(0).epsilon(kAlmost));
  CHECK(fine->bounds(second)[0].high == doctest::Approx(3).epsilon(kAlmost));
  CHECK(fine->bounds(second)[0].high >= 3);
  CHECK(fine->bounds(second)[1].low == doctest::Approx(-2).epsilon(kAlmost));
  CHECK(fine->bounds(second)[1].high == doctest::Approx(2).epsilon(kAlmost));
  CHECK(margin_bound(*fine, Depth::input) == doctest::Approx(0.5).epsilon(kAlmost));
  CHECK(margin_bound(*fine, Depth::input) <= 0.5);
  // The bound is smallest where x1 is largest, and x2 does not matter.
  const std::vector<Row> rows{{{0, 1}, {1, -1}}};
  const auto slopes = substitute(*fine, graph.output(), rows, Depth::input).slopes;
  CHECK(slopes[0][0] == doctest::Approx(-1).epsilon(kAlmost));
  CHECK(slopes[1][0] == doctest::Approx(0).epsilon(kAlmost));
}

TEST_CASE("every value of ten thousand inputs lies in DeepPoly's bounds, and those in the intervals") {
  std::mt19937 random(4);
  SUBCASE("dense") {
    check_network(random_dense({6, 8, 7, 5, 3}, 1, random), 0.2, random);
  }
  SUBCASE("dense and pruned") {
    check_network(random_dense({6, 12, 9, 3}, 0.3, random), 0.3, random);
  }
  SUBCASE("dense with batch norm") {
    check_network(random_chain({7, 6, 5}, 5, {1, 3, 3}, 4), 0.1, random);
  }
  SUBCASE("convolutional, with residual sums") {
    check_network(random_residual(random), 0.05, random);
  }
  SUBCASE("without a ReLU") {
    check_network(random_dense({5, 4}, 1, random), 0.5, random);
  }
  SUBCASE("a radius of 0") {
    check_network(random_dense({6, 8, 7, 3}, 1, random), 0, random);
  }
  SUBCASE("a radius beyond the clip range") {
    check_network(random_dense({4, 8, 7, 3}, 1, random), 3, random);
  }
}

TEST_CASE("bounds at a point are the values there") {
  std::mt19937 random(6);
  for (const Network& network : {random_residual(random), random_dense({6, 8, 7, 3}, 0.5, random)}) {
    const std::vector<float> centre = random_centre(network, random);
    const Box box(centre, 0, kPixels);
    const Graph graph(network);
    const Relaxation relaxation = intervals(graph, box);
    const auto values = ExactNetwork<Wide>(network).values({centre.begin(), centre.end()});
    REQUIRE(lies_in(values, relaxation, 0));
    for (const Interval& y : relaxation.bounds(graph.output())) CHECK(y.high - y.low < 1e-8);
  }
}

TEST_CASE("one layer: the bound is the exact minimum over the corners") {
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    const Network network = random_dense({3, 2}, 0.8, random);
    const std::vector<float> centre = random_centre(network, random);
    const Box box(centre, 0.25, kPixels);
    const Graph graph(network);
    const double bound = margin_bound(intervals(graph, box), Depth::input);
    const ExactNetwork<Wide> exact(network);
    Wide smallest = 1e9;
    for (unsigned corner = 0; corner < 8; ++corner) {
      std::vector<Wide> x;
      for (std::size_t k = 0; k < 3; ++k) x.emplace_back((corner >> k & 1) ? box.hull()[k].high : box.hull()[k].low);
      const auto y = exact.output(x);
      smallest = std::min(smallest, Wide(y[0] - y[1]));
    }
    REQUIRE(Wide(bound) <= smallest);
    REQUIRE(Wide(bound) >= smallest - Wide(kAlmost));
  }
}

TEST_CASE("a network whose ReLUs are all open or closed is linear: DeepPoly is exact") {
  std::mt19937 random(8);
  for (int i = 0; i < 100; ++i) {
    NetworkBuilder builder({3});
    for (const std::int64_t in : {3, 4}) {
      Linear layer = random_linear(in, 4, 1, random);
      layer.bias = Tensor::of({4}, std::vector<float>{50, 50, 50, -200});  // far from 0 for any input here
      builder.add(layer);
      builder.add(Relu{});
    }
    builder.add(random_linear(4, 2, 1, random));
    const Network network = builder.build();
    const std::vector<float> centre = random_centre(network, random);
    const Box box(centre, 0.1, kPixels);
    const Graph graph(network);
    const auto relaxation = deeppoly(graph, box, always);
    REQUIRE(relaxation);
    const double bound = margin_bound(*relaxation, Depth::input);
    Wide smallest = 1e9;
    for (unsigned corner = 0; corner < 8; ++corner) {
      std::vector<Wide> x;
      for (std::size_t k = 0; k < 3; ++k) x.emplace_back((corner >> k & 1) ? box.hull()[k].high : box.hull()[k].low);
      const auto y = ExactNetwork<Wide>(network).output(x);
      smallest = std::min(smallest, Wide(y[0] - y[1]));
    }
    REQUIRE(Wide(bound) <= smallest);
    REQUIRE(Wide(bound) >= smallest - Wide(1e-10));
  }
}

TEST_CASE("what a graph takes is known before it is made") {
  std::mt19937 random(8);
  const auto taken = [](const Network& network) {
    const Graph graph(network);
    double bytes = 0;
    for (int v = 0; v < graph.values(); ++v) {
      bytes += static_cast<double>(graph.size(v) * (sizeof(Interval) + 2 * sizeof(double) + sizeof(std::int32_t)));
      const auto* map = v == 0 ? nullptr : std::get_if<AffineMap>(&graph.node(v).step);
      if (map != nullptr) bytes += static_cast<double>(map->weights.terms.size() * sizeof(Columns::Term));
    }
    return bytes;
  };
  const Network dense = random_dense({7, 9, 5}, 0.5, random);
  CHECK(expected_bytes(dense) == doctest::Approx(taken(dense)));
  for (const std::int64_t stride : {1, 2, 3}) {
    for (const std::int64_t dilation : {1, 2}) {
      Conv2d conv = random_convolution(2, 3, 3, random);
      conv.stride = {stride, 1};
      conv.padding = {2, 1};
      conv.dilation = {dilation, 1};
      const Network network({2, 6, 7}, {{"conv", conv, {0}},
                                        {"pad", Pad{{1, 0}, {0, 2}}, {1}},
                                        {"pool", AvgPool{.kernel = {2, 3}, .stride = {1, 2}, .padding = {1, 0}}, {2}},
                                        {"relu", Relu{}, {3}}});
      CHECK(expected_bytes(network) == doctest::Approx(taken(network)));
    }
  }
}

TEST_CASE("DeepPoly ends when it is told to") {
  std::mt19937 random(9);
  const Network network = random_dense({6, 8, 7, 5, 3}, 1, random);
  const std::vector<float> centre = random_centre(network, random);
  const Box box(centre, 0.2, kPixels);
  const Graph graph(network);
  int asked = 0;
  REQUIRE(deeppoly(graph, box, [&] { return ++asked > 0; }));
  const int whole = asked;
  CHECK(whole > graph.output());
  for (int allowed = 0; allowed < whole; ++allowed) {
    int left = allowed;
    CHECK_FALSE(deeppoly(graph, box, [&] { return left-- > 0; }));
  }
}
