// SPDX-License-Identifier: Apache-2.0
// No evaluation in single precision, in whatever order, strays further from the reals than the certified error.
#include "abstract/float32.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "abstract/domains.hpp"
#include "support/exact_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::abstract;
using namespace espalier::testing;

namespace {

/// A float whose sums of products are made in random order: for ExactNetwork, which adds products one by one, a sum is
/// a bag of terms until it is used.
class Disordered {
 public:
  Disordered(double x = 0) : terms_{static_cast<float>(x)} {}  // NOLINT: ExactNetwork converts

  static std::mt19937& random() {
    static std::mt19937 generator(1);
    return generator;
  }
  Disordered& operator+=(const Disordered& x) {
    terms_.insert(terms_.end(), x.terms_.begin(), x.terms_.end());
    return *this;
  }
  /// All terms summed: two at random are replaced by their rounded sum, until one is left. That is every tree of sums.
  float value() const {
    std::vector<float> open = terms_;
    while (open.size() > 1) {
      const std::size_t k = std::uniform_int_distribution<std::size_t>(0, open.size() - 2)(random());
      std::swap(open[k], open[open.size() - 2]);
      const float last = open.back();
      open.pop_back();
      open.back() += last;
    }
    return open[0];
  }
  friend Disordered operator*(const Disordered& a, const Disordered& b) { return exactly(a.value() * b.value()); }
  friend Disordered operator/(const Disordered& a, const Disordered& b) { return exactly(a.value() / b.value()); }
  friend Disordered operator+(const Disordered& a, const Disordered& b) { return exactly(a.value() + b.value()); }
  friend Disordered operator-(const Disordered& a, const Disordered& b) { return exactly(a.value() - b.value()); }
  friend Disordered sqrt(const Disordered& a) { return exactly(std::sqrt(a.value())); }
  friend bool operator>(const Disordered& a, int b) { return a.value() > static_cast<float>(b); }

 private:
  static Disordered exactly(float x) { return Disordered(double{x}); }
  std::vector<float> terms_;
};

/// How much of the certified error random points and random orders use up, at most.
double largest_share(const Network& network, const std::vector<float>& centre, double epsilon, int points) {
  const Box box(centre, epsilon, {0, 1});
  const Graph graph(network);
  const auto errors = float32_errors(network, deeppoly(graph, box, [] { return true; }).value());
  const auto coarse = float32_errors(network, box);
  for (std::size_t k = 0; k < errors.size(); ++k) CHECK(errors[k] <= coarse[k]);
  const ExactNetwork<Wide> exact(network);
  const ExactNetwork<Disordered> single(network);
  std::uniform_real_distribution<double> draw(-epsilon, epsilon);
  double share = 0;
  for (int i = 0; i < points; ++i) {
    std::vector<double> wanted(centre.begin(), centre.end());
    for (double& x : wanted) x += draw(Disordered::random());
    const std::vector<float> x = box.round_into(wanted).value();
    const auto reals = exact.output(std::vector<Wide>(x.begin(), x.end()));
    const auto floats = single.output(std::vector<Disordered>(x.begin(), x.end()));
    for (std::size_t k = 0; k < reals.size(); ++k) {
      const Wide off = abs(Wide(double{floats[k].value()}) - reals[k]);
      CHECK(off <= Wide(errors[k]));
      share = std::max(share, static_cast<double>(off) / errors[k]);
    }
  }
  return share;
}

std::vector<float> random_centre(const Network& network, std::mt19937& random) {
  const auto x = random_input(network, random);
  return {x.begin(), x.end()};
}

}  // namespace

TEST_CASE("single precision stays within its certified error, in any order of sums") {
  std::mt19937 random(1);
  double share = 0;
  for (int i = 0; i < 12; ++i) {
    const Network dense = random_dense({6, 12, 8, 3}, 0.8, random);
    share = std::max(share, largest_share(dense, random_centre(dense, random), 0.05, 30));
    const Network every = random_residual(random);
    share = std::max(share, largest_share(every, random_centre(every, random), 0.02, 5));
  }
  MESSAGE("at most " << share << " of the certified error was used");
  CHECK(share > 0.01);  // it is no empty promise
}

TEST_CASE("one sum by hand: gamma(3) of the sizes") {
  NetworkBuilder builder({2});
  builder.linear({{3, -5}}, {0.5F});
  const Network network = builder.build();
  const std::vector<float> centre{0.5F, 1.0F};
  const double unit = 0x1p-24;
  const double wanted = 3 * unit / (1 - 3 * unit) * (1.5 + 5 + 0.5);
  const auto errors = float32_errors(network, Box(centre, 0, {0, 1}));
  CHECK(errors[0] >= wanted);
  CHECK(errors[0] == doctest::Approx(wanted).epsilon(1e-5));
  CHECK(float32_error({.terms = {{0, -2}}, .limit = 0}, errors) == doctest::Approx(2 * wanted).epsilon(1e-5));
  CHECK(float32_margin_error({1, 2}, 0, 1) >= 3);
}

TEST_CASE("a network the size of the experiments' is off by less than a tenth") {
  std::mt19937 random(2);
  const Network network = net1(3);
  const std::vector<float> centre = random_centre(network, random);
  const Box box(centre, 0.01, {0, 1});
  const Graph graph(network);
  const auto errors = float32_errors(network, deeppoly(graph, box, [] { return true; }).value());
  for (const double error : errors) {
    CHECK(error > 0);
    CHECK(error < 0.1);
  }
  CHECK(largest_share(network, centre, 0.01, 2) <= 1);
}

TEST_CASE("what may overflow in single precision has no finite error, nor has anything after it") {
  NetworkBuilder builder({1});
  builder.linear({{3e38F}, {1}}, {0, 0});
  builder.linear({{3e38F, 0}}, {0});
  builder.linear({{0}}, {1});
  const std::vector<float> centre{1};
  CHECK(float32_errors(builder.build(), Box(centre, 0, {0, 1}))[0] == HUGE_VAL);
  NetworkBuilder norm({1});
  norm.add(BatchNorm{.gamma = Tensor::of({1}, std::vector<float>{0}),
                     .beta = Tensor::of({1}, std::vector<float>{0}),
                     .mean = Tensor::of({1}, std::vector<float>{0}),
                     .variance = Tensor::of({1}, std::vector<float>{0}),
                     .epsilon = 1e-50});  // 0 as a float
  CHECK(float32_errors(norm.build(), Box(centre, 0, {0, 1}))[0] == HUGE_VAL);
}

TEST_CASE("numbers that are only moved keep their error") {
  NetworkBuilder builder({1, 2, 1});
  builder.add(Pad{.before = {1, 0}, .after = {0, 1}});
  builder.add(Transpose{{2, 1, 0}});
  builder.add(Reshape{{6}});
  const std::vector<float> centre{0.25F, 0.5F};
  for (const double error : float32_errors(builder.build(), Box(centre, 0.1, {0, 1}))) CHECK(error == 0);
}
