// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/replay.hpp>

#include "crown/box_search.hpp"
#include "crown/combination.hpp"
#include "crown/zonotope.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "support/exact_minimum.hpp"
#include "support/property_cases.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::crown;
using namespace espalier::testing;
using End = SearchResult::End;

namespace {

template <class T>
T one_of(const std::vector<T>& all, std::mt19937& random) {
  return all[std::uniform_int_distribution<std::size_t>(0, all.size() - 1)(random)];
}

InputBox random_box(std::size_t inputs, std::mt19937& random) {
  std::uniform_real_distribution<double> centre(-1, 1);
  InputBox box;
  for (std::size_t i = 0; i < inputs; ++i) {
    const double c = centre(random);
    const double r = one_of<double>({0, 1e-6, 0.1, 0.7}, random);
    box.low.push_back(c - r);
    box.high.push_back(c + r);
  }
  return box;
}

std::vector<double> random_point(const InputBox& box, std::mt19937& random) {
  std::uniform_real_distribution<double> share(0, 1);
  std::vector<double> x;
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    x.push_back(std::clamp(box.low[i] + share(random) * (box.high[i] - box.low[i]), box.low[i], box.high[i]));
  }
  return x;
}

/// y0 - y1 > threshold, and so on for every other output: all in one case, or a case each.
std::vector<Case> label_goals(std::size_t outputs, double threshold, bool one_case) {
  std::vector<Case> cases(one_case ? 1 : outputs - 1);
  for (std::size_t k = 1; k < outputs; ++k) {
    Goal goal{.factors = std::vector<double>(outputs, 0), .threshold = threshold};
    goal.factors[0] = 1;
    goal.factors[k] = -1;
    cases[one_case ? 0 : k - 1].push_back(std::move(goal));
  }
  return cases;
}

Wide exact_value(const Goal& goal, const std::vector<Wide>& outputs) {
  Wide sum = -Wide(goal.threshold);
  for (std::size_t i = 0; i < outputs.size(); ++i) sum += Wide(double{goal.factors[i]}) * outputs[i];
  return sum;
}

bool shows(const Case& goals, const std::vector<Wide>& outputs) {
  for (const Goal& goal : goals) {
    if (exact_value(goal, outputs) > 0) return false;
  }
  return true;
}

Point wide(std::span<const double> x) {
  return {x.begin(), x.end()};
}

bool always() {
  return true;
}
bool never(std::size_t, std::span<const double>) {
  return false;
}

/// A search whose points are checked exactly.
BoxSearchResult exact_search(const Network& network, const InputBox& box, const std::vector<Case>& cases,
                             BoxSearchOptions options) {
  const ExactNetwork<Wide> exact(network);
  const ExactBox wide_box{wide(box.low), wide(box.high)};
  return box_search(
      abstract::Graph(network), box, cases, options,
      [&](std::size_t c, std::span<const double> x) {
        return wide_box.contains(wide(x)) && shows(cases[c], exact.output(wide(x)));
      },
      always);
}

/// The points of one input, or of two and one hidden layer, and those between neighbours where a goal changes its sign:
/// when a case shows up anywhere in one dimension, it does at one of them.
std::vector<Point> telling_points(const Network& network, const InputBox& box, const std::vector<Case>& cases) {
  const ExactNetwork<Wide> exact(network);
  const ExactBox wide_box{wide(box.low), wide(box.high)};
  if (box.low.size() == 2) return corners_in_two_dimensions(network, wide_box);
  std::vector<Point> points = corners_in_one_dimension(network, wide_box);
  const std::size_t corners = points.size();
  for (std::size_t i = 0; i + 1 < corners; ++i) {
    const auto left = exact.output(points[i]);
    const auto right = exact.output(points[i + 1]);
    for (const Case& goals : cases) {
      for (const Goal& goal : goals) {
        const Wide a = exact_value(goal, left);
        const Wide b = exact_value(goal, right);
        if (a * b < 0) points.push_back({points[i][0] + (points[i + 1][0] - points[i][0]) * (a / (a - b))});
      }
    }
  }
  return points;
}

/// Dense layers of random scale, pruned or not.
Network scaled_dense(const std::vector<std::int64_t>& widths, std::mt19937& random) {
  NetworkBuilder builder({widths[0]});
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    if (i > 0) builder.add(Relu{});
    Linear layer = random_linear(widths[i], widths[i + 1], one_of<double>({1, 0.6}, random), random);
    const int scale = one_of<int>({0, 0, 0, -40, 10, 40}, random);
    for (Tensor* t : {&layer.weight, &layer.bias}) {
      std::vector<float> values = t->to_floats();
      for (float& v : values) v = std::ldexp(v, scale);
      *t = Tensor::of(t->shape(), std::move(values));
    }
    builder.add(layer);
  }
  return builder.build();
}

}  // namespace

TEST_CASE("bounds on goals hold for ten thousand inputs") {
  std::mt19937 random(3);
  int samples = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const bool residual = trial % 10 == 0;
    const Network network = residual         ? random_residual(random)
                            : trial % 2 == 0 ? random_dense({3, 8, 8, 3}, 0.8, random)
                                             : scaled_dense({4, 6, 6, 6, 3}, random);
    const ExactNetwork<Wide> exact(network);
    const abstract::Graph graph(network);
    const std::vector<Case> cases = label_goals(3, 0.25, true);
    const FormNetwork forms(graph, cases);
    Zonotope zonotope(forms);
    Combination combination;
    for (int part = 0; part < 2; ++part) {  // the second finds used buffers
      const InputBox box = random_box(static_cast<std::size_t>(graph.size(0)), random);
      zonotope.bound(box.low, box.high);
      combination.find(zonotope, 0, 2, 0);
      for (int s = 0; s < (residual ? 10 : 55); ++s, ++samples) {
        const std::vector<double> x = random_point(box, random);
        const std::vector<Wide> y = exact.output(wide(x));
        std::vector<Wide> noise;
        for (const auto& [input, centre, radius] : zonotope.directions()) {
          noise.push_back((Wide(x[static_cast<std::size_t>(input)]) - Wide(centre)) / Wide(radius));
          REQUIRE(abs(noise.back()) <= 1);
        }
        Wide highest = -HUGE_VAL;
        for (std::size_t g = 0; g < 2; ++g) {
          const Wide value = exact_value(cases[0][g], y);
          const Plane plane = zonotope.goal_plane(g);
          Wide below = Wide(plane.base);
          for (std::size_t d = 0; d < noise.size(); ++d) below += Wide(plane.slopes[d]) * noise[d];
          CHECK(below <= value);
          CHECK(Wide(zonotope.goal_bound(g)) <= value);
          highest = std::max(highest, value);
        }
        CHECK(Wide(combination.bound()) <= highest);
      }
    }
  }
  CHECK(samples >= 10'000);
}

TEST_CASE("bounds hold within a few roundings of where a neuron opens") {
  std::mt19937 random(4);
  int kinks = 0;
  for (int trial = 0; trial < 400; ++trial) {
    const Network network = scaled_dense({1, 5, 4, 2}, random);
    const ExactNetwork<Wide> exact(network);
    const std::vector<Case> cases = label_goals(2, 0, true);
    const FormNetwork forms(abstract::Graph(network), cases);
    Zonotope zonotope(forms);
    for (const Point& corner : corners_in_one_dimension(network, {{-1}, {1}})) {
      const auto x = static_cast<double>(corner[0]);
      const int steps = one_of<int>({0, 1, 3, 20}, random);
      std::vector<double> low{x};
      std::vector<double> high{x};
      for (int i = 0; i < steps; ++i) low[0] = std::nextafter(low[0], -2);
      for (int i = 0; i < steps; ++i) high[0] = std::nextafter(high[0], 2);
      zonotope.bound(low, high);
      for (const double at : {low[0], x, high[0]}) {
        CHECK(Wide(zonotope.goal_bound(0)) <= exact_value(cases[0][0], exact.output({at})));
      }
      ++kinks;
    }
  }
  CHECK(kinks > 1500);
}

TEST_CASE("bounds are tight where nothing is relaxed") {
  // y0 = x0 + 2 x1 + 3, y1 = relu(x0 + 4): open everywhere, so y0 - y1 = 2 x1 - 1 and its smallest value is -3.
  NetworkBuilder builder({2});
  builder.linear({{1, 2}, {1, 0}}, {4, 4});
  builder.add(Relu{});
  builder.linear({{1, 0}, {0, 1}}, {-1, 0});
  const Network network = builder.build();
  const FormNetwork forms(abstract::Graph(network), label_goals(2, 0, true));
  Zonotope zonotope(forms);
  const std::vector<double> low{-1, -1};
  const std::vector<double> high{1, 1};
  zonotope.bound(low, high);
  CHECK(zonotope.goal_bound(0) <= -3);
  CHECK(zonotope.goal_bound(0) == doctest::Approx(-3).epsilon(1e-5));
  CHECK(zonotope.goal_row(0)[1] == 0);
  CHECK(zonotope.goal_row(0)[2] == 2);
}

TEST_CASE("one unstable neuron by hand") {
  // relu(x) on [-1, 3]: slope 3/4, offset 3/4, so 3/8 + 3/4 (1 + 2 noise) give or take 3/8: the goal y > -1 is bounded
  // by 1 + 9/8 - 3/2 - 3/8 = 1/4.
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  const Network network = builder.build();
  const std::vector<Case> cases{{Goal{.factors = {1}, .threshold = -1}}};
  const FormNetwork forms(abstract::Graph(network), cases);
  Zonotope zonotope(forms);
  const std::vector<double> low{-1};
  const std::vector<double> high{3};
  zonotope.bound(low, high);
  CHECK(zonotope.goal_bound(0) == doctest::Approx(0.25).epsilon(1e-5));
  CHECK(zonotope.goal_bound(0) < 0.25);
  REQUIRE(zonotope.goal_row(0).size() == 3);
  CHECK(zonotope.goal_row(0)[1] == doctest::Approx(1.5));
  CHECK(zonotope.goal_row(0)[2] == doctest::Approx(0.375));
  std::vector<double> scores(1, 0.0);
  zonotope.add_scores(0, scores);
  CHECK(scores[0] == doctest::Approx(1.875));  // all of it is owed to the only input
}

TEST_CASE("a clip keeps everything below the planes") {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> number(-1, 1);
  int emptied = 0;
  int cut = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::vector<double>> slopes(2, std::vector<double>(3));
    std::vector<Plane> planes;
    for (auto& s : slopes) {
      for (double& x : s) x = one_of<double>({number(random), number(random), 0, 1e-9}, random);
      planes.push_back({2 * number(random), s});
    }
    std::vector<abstract::Interval> noise(3, {-1, 1});
    const bool left = clip(planes, noise) && clip(planes, noise);
    emptied += left ? 0 : 1;
    cut += noise[0].high - noise[0].low < 1.9 ? 1 : 0;
    for (int s = 0; s < 50; ++s) {
      const std::vector<double> x{number(random), number(random), number(random)};
      bool below = true;
      for (const Plane& p : planes) {
        below = below && p.base + p.slopes[0] * x[0] + p.slopes[1] * x[1] + p.slopes[2] * x[2] <= 0;
      }
      if (!below) continue;
      CHECK(left);
      for (std::size_t d = 0; d < 3; ++d) CHECK((noise[d].low <= x[d] && x[d] <= noise[d].high));
    }
  }
  CHECK(emptied > 100);
  CHECK(cut > 100);
}

TEST_CASE("verdicts agree with an exact search of small networks") {
  std::mt19937 random(11);
  int proven = 0;
  int violated = 0;
  int undecided = 0;
  for (int trial = 0; trial < 600; ++trial) {
    const bool plain = trial % 3 == 0;
    const std::size_t inputs = trial % 2 == 0 ? 1 : 2;
    const std::size_t outputs = inputs == 1 ? 3 : 2;
    std::vector<std::int64_t> widths{static_cast<std::int64_t>(inputs), 5};
    if (inputs == 1) widths.push_back(4);
    widths.push_back(static_cast<std::int64_t>(outputs));
    const Network network = plain ? random_dense(widths, 1, random) : scaled_dense(widths, random);
    const InputBox box = random_box(inputs, random);
    std::vector<Case> cases = label_goals(outputs, 0, trial % 4 < 2);
    // Thresholds at, just below and just above the smallest margin.
    const Wide least = smallest_margin(network, 0, telling_points(network, box, cases));
    const double nudge = one_of<double>({0, 1e-13, -1e-13, 1e-6, -1e-6, 1e-3, -1e-3, 0.3, -0.3}, random);
    const double threshold = static_cast<double>(least) + nudge * std::max(1.0, std::abs(static_cast<double>(least)));
    for (Case& goals : cases) {
      for (Goal& goal : goals) goal.threshold = threshold;
    }
    const ExactNetwork<Wide> exact(network);
    bool can_show = false;
    for (const Point& x : telling_points(network, box, cases)) {
      const auto y = exact.output(x);
      for (const Case& goals : cases) can_show = can_show || shows(goals, y);
    }
    const auto result = exact_search(network, box, cases, {.threads = 1 + trial % 2, .most_boxes = 3000});
    INFO("trial " << trial);
    if (result.end == End::proven) CHECK_FALSE(can_show);
    if (result.end == End::violated) CHECK(can_show);
    if (cases.size() == 1 && cases[0].size() == 1 && result.end != End::violated) {
      CHECK(std::min(Wide(result.bound), Wide(1e300)) <= (can_show ? Wide(0) : Wide(1e300)));
    }
    proven += result.end == End::proven ? 1 : 0;
    violated += result.end == End::violated ? 1 : 0;
    undecided += result.end != End::violated && result.end != End::proven ? 1 : 0;
  }
  CHECK(proven > 150);
  CHECK(violated > 150);
  CHECK(undecided < 120);  // thresholds that are the exact minimum, or miss it by a rounding
}

TEST_CASE("a tie is a violation, and never proven away") {
  // y0 = y1 for x >= 0, and y0 - y1 = -x > 0 below.
  NetworkBuilder builder({1});
  builder.linear({{1}, {-1}}, {0, 0});
  builder.add(Relu{});
  builder.linear({{1, 1}, {1, 0}}, {0, 0});
  const Network network = builder.build();
  const std::vector<Case> cases = label_goals(2, 0, true);
  const abstract::Graph graph(network);

  CHECK(exact_search(network, {{-1}, {2}}, cases, {}).end == End::violated);
  CHECK(exact_search(network, {{-1}, {0}}, cases, {}).end == End::violated);
  CHECK(exact_search(network, {{-1}, {-1e-3}}, cases, {}).end == End::proven);

  SUBCASE("when no point is accepted, the last numbers around it stay") {
    const auto result = box_search(graph, {{-1}, {0}}, cases, {}, never, always);
    CHECK(result.end == End::stuck);
    REQUIRE(result.stuck.size() == 1);
    CHECK(result.stuck[0].high[0] == 0);
    CHECK(result.stuck[0].low[0] >= -1e-280);
    CHECK(result.bound <= 0);
  }
  SUBCASE("on a stretch, parts whose middle rounding keeps open end the search") {
    const auto result = box_search(graph, {{-1}, {2}}, cases, {}, never, always);
    CHECK(result.end == End::stuck);
    CHECK(result.stuck.size() >= 64);
    CHECK(result.bound <= 0);
  }
  SUBCASE("or a limit does") {
    const auto result = box_search(graph, {{-1}, {2}}, cases, {.most_boxes = 50}, never, always);
    CHECK(result.end == End::given_up);
    CHECK(result.boxes >= 50);
    CHECK(result.bound <= 0);
  }
}

TEST_CASE("equal bounds make a single point") {
  NetworkBuilder builder({2});
  builder.linear({{1, 1}}, {0});
  builder.add(Relu{});
  const Network network = builder.build();
  const InputBox point{{0.1, 0.2}, {0.1, 0.2}};
  const auto above = [](double threshold) { return std::vector<Case>{{Goal{.factors = {1}, .threshold = threshold}}}; };
  CHECK(exact_search(network, point, above(0.3 - 1e-9), {}).end == End::proven);
  CHECK(exact_search(network, point, above(0.3 + 1e-9), {}).end == End::violated);
  const auto refused = box_search(abstract::Graph(network), point, above(0.3 + 1e-9), {}, never, always);
  CHECK(refused.end == End::stuck);
  REQUIRE(refused.stuck.size() == 1);
  CHECK(refused.stuck[0].low == point.low);
  CHECK(refused.stuck[0].high == point.high);
}

TEST_CASE("a thin box with a steep network") {
  // relu(1000 x) reaches 0.009 on [0, 9e-6], however thin that is.
  NetworkBuilder builder({1});
  builder.linear({{1000}}, {0});
  builder.add(Relu{});
  builder.linear({{-1}}, {0});
  const Network network = builder.build();
  const InputBox box{{0}, {9e-6}};
  const auto not_above = [](double most) { return std::vector<Case>{{Goal{.factors = {1}, .threshold = -most}}}; };
  CHECK(exact_search(network, box, not_above(0.005), {}).end == End::violated);
  CHECK(exact_search(network, box, not_above(0.0091), {}).end == End::proven);
}

TEST_CASE("cases without goals are always shown, no cases never") {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  const Network network = builder.build();
  CHECK(exact_search(network, {{0}, {1}}, {Case{}}, {}).end == End::violated);
  CHECK(exact_search(network, {{0}, {1}}, {}, {}).end == End::proven);
  CHECK(box_search(abstract::Graph(network), {{0}, {1}}, std::vector<Case>{Case{}}, {.most_boxes = 50}, never, always)
            .end == End::given_up);
}

TEST_CASE("numbers that overflow are never a proof") {
  NetworkBuilder builder({1});
  for (int i = 0; i < 12; ++i) {
    builder.linear({{3e38F}}, {1});
    builder.add(Relu{});
  }
  builder.linear({{1}}, {0});
  const Network network = builder.build();
  const std::vector<Case> cases{{Goal{.factors = {1}, .threshold = -1}}};  // true of every input
  const auto result = box_search(abstract::Graph(network), {{-1}, {1}}, cases, {.most_boxes = 100}, never, always);
  CHECK(result.end == End::given_up);
  CHECK(result.bound == -std::numeric_limits<double>::infinity());
}

TEST_CASE("the order of the search does not change what it finds") {
  std::mt19937 random(23);
  for (int trial = 0; trial < 20; ++trial) {
    const Network network = random_dense({3, 10, 10, 2}, 1, random);
    const InputBox box{{-0.3, -0.3, -0.3}, {0.3, 0.3, 0.3}};
    std::vector<Case> cases = label_goals(2, -0.2, true);
    const auto one = exact_search(network, box, cases, {.threads = 1});
    const auto depth_first = exact_search(network, box, cases, {.threads = 1, .memory = 0});
    const auto two = exact_search(network, box, cases, {.threads = 2});
    CHECK(one.end == depth_first.end);
    CHECK(one.end == two.end);
    if (one.end == End::proven) CHECK(one.boxes == two.boxes);
  }
}

TEST_CASE("the search ends when the time is up, and when asking fails") {
  std::mt19937 random(29);
  const Network network = random_dense({3, 10, 10, 2}, 1, random);
  const abstract::Graph graph(network);
  const InputBox box{{-1, -1, -1}, {1, 1, 1}};
  const std::vector<Case> cases = label_goals(2, 100, true);  // false everywhere, and every point is refused
  std::atomic<int> asked = 0;
  const auto late = box_search(graph, box, cases, {.threads = 2}, never, [&] { return ++asked < 5; });
  CHECK(late.end == End::out_of_time);
  CHECK(late.bound < 0);
  asked = 0;
  const auto stop = [&]() -> bool {
    if (++asked > 5) throw std::runtime_error("stopped");
    return true;
  };
  CHECK_THROWS_WITH(box_search(graph, box, cases, {.threads = 2}, never, stop), "stopped");
}

TEST_CASE("boxes suit when few inputs vary") {
  CHECK(suits_box_search({{0, 0}, {1, 1}}));
  CHECK(suits_box_search({std::vector<double>(784, 0.5), std::vector<double>(784, 0.5)}));
  CHECK_FALSE(suits_box_search({std::vector<double>(784, 0), std::vector<double>(784, 1)}));
}

TEST_CASE("published cases of few inputs") {
  const std::vector<PublishedCase> cases = published_cases(cases_folder());
  if (cases.empty()) {
    MESSAGE("skipped: ESPALIER_CASES does not name the folder of cases");
    return;
  }
  int decided = 0;
  for (const PublishedCase& c : cases) {
    if (c.set != "acasxu_2022" && c.set != "test" && c.set != "cersyve_2025") continue;
    const Network network = exchange::read_onnx(c.network);
    const Property property = exchange::read_vnnlib(c.property);
    bool sat = false;
    std::mutex mutex;
    const auto check = [&](std::size_t, std::span<const double> x) {
      const std::lock_guard lock(mutex);
      return replay(network, x, property).over_reals == Holds::yes;
    };
    for (std::size_t b = 0; b < property.boxes.size() && !sat; ++b) {
      const auto result = box_search(abstract::Graph(network), {property.boxes[b].low, property.boxes[b].high},
                                     cases_in(property, b), {.threads = 2}, check, always);
      CHECK((result.end == End::proven || result.end == End::violated));
      sat = result.end == End::violated;
    }
    INFO(c.network << " with " << c.property);
    CHECK((sat ? "sat" : "unsat") == c.verdict);
    ++decided;
  }
  CHECK(decided == 39);
  for (const auto& [network, property] :
       {std::pair{"a.onnx", "a.vnnlib"}, std::pair{"a.onnx", "b.vnnlib"}, std::pair{"c.onnx", "c.vnnlib"}}) {
    const Network n = exchange::read_onnx(cases_folder() + "/soundness/" + network);
    const Property p = exchange::read_vnnlib(cases_folder() + "/soundness/" + property);
    const auto result = box_search(
        abstract::Graph(n), {p.boxes[0].low, p.boxes[0].high}, cases_in(p, 0), {},
        [&](std::size_t, std::span<const double> x) { return replay(n, x, p).over_reals == Holds::yes; }, always);
    CHECK(result.end == End::violated);
  }
}
