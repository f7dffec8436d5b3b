// SPDX-License-Identifier: Apache-2.0
// The stages that decide by search, as a pipeline sees them: milp.verify, simplex.verify, abstract.refine and
// milp.distortion.
#include <algorithm>
#include <cmath>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "abstract/radii.hpp"
#include "milp/bracket.hpp"
#include "milp/ends.hpp"
#include "support/exact_minimum.hpp"
#include "support/odd_network.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

const std::vector<std::string> kStages{"milp.verify", "simplex.verify", "abstract.refine"};

/// Two pixels in [0, 1], s = relu(a + b) + relu(a - b) with a, b in [-1, 1]; score 0 is `level`, score 1 is s. Over the
/// whole box s is at most 2; DeepPoly says 3.
Network two_sides(float level) {
  NetworkBuilder builder({2});
  builder.linear({{2, 2}, {2, -2}}, {-2, 0});  // a = 2 x - 1, b = 2 y - 1
  builder.add(Relu{});
  builder.linear({{1, 1}, {1, -1}}, {0, 0});
  builder.add(Relu{});
  builder.linear({{0, 0}, {1, 0}}, {level, 0});
  return builder.build();
}

/// One pixel: class 0 scores 0.5, class 1 the pixel, class 2 a quarter.
Network three_classes() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}, {0}}, {0.5F, 0, 0.25F});
  return builder.build();
}

/// One pixel: class 0 scores 0.25, class 1 the pixel.
Network two_classes() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}}, {0.25F, 0});
  return builder.build();
}

Instances questions(std::vector<Instances::Row> rows, const std::vector<float>& centres) {
  Instances q;
  const auto count = static_cast<std::int64_t>(rows.size());
  q.rows = std::move(rows);
  q.centres = Tensor::of({count, static_cast<std::int64_t>(centres.size()) / count}, centres);
  return q;
}

Instances one_question(const std::vector<float>& centre) {
  return questions({{.image = 7, .label = 0, .target = {}, .epsilon = 0}}, centre);
}

Verdicts answers(const std::string& stage, const Network& network, const Instances& q, double epsilon,
                 double budget_s = 0) {
  StageBench bench(stage);
  bench.give("network", network).give("instances", q).set("epsilon", epsilon).set("budget_s", budget_s);
  return with_checked_witnesses(bench.run().result<Verdicts>("verdicts"), network, q);
}

/// A network whose questions no method answers at once.
Network hard_network(std::mt19937& random) {
  return random_dense({20, 40, 40, 3}, 1, random);
}

struct Distortions {
  Metrics metrics;
  Attacks attacks;
};

Distortions distortions(const Network& network, const Instances& q, double largest = 1) {
  StageBench bench("milp.distortion");
  bench.give("network", network).give("instances", q).set("largest", largest).set("budget_s", 0.0).run();
  return {bench.result<Metrics>("metrics"), bench.result<Attacks>("attacks")};
}

/// An attack on image 7, label 0, that claims to have found a point.
Attacks attack_with(float point) {
  Attacks out;
  out.method = "pgd";
  out.epsilon = 1;
  out.rows.push_back({.image = 7, .label = 0, .predicted = 0, .found = true, .adversarial_class = 1, .distance = 0.5});
  out.points = Tensor::of({1, 1}, std::vector<float>{point});
  out.point_rows = {0};
  return out;
}

/// What crown.radius says of image 7, label 0, at 0.125, and three_classes().
abstract::Radii radius_of(double proven, std::optional<std::int64_t> target = {}) {
  return {.who = "crown.radius",
          .network = abstract::content_of(three_classes()),
          .clip = {0, 1},
          .rows = {{.image = 7,
                    .label = 0,
                    .target = target,
                    .proven = proven,
                    .broken = HUGE_VAL,
                    .pixels = abstract::pixels_of(std::vector<float>{0.125F})}}};
}

/// Time for so many looks at the clock.
abstract::Used looks(int count) {
  return [left = count]() mutable { return left-- > 0 ? 0.0 : 1.0; };
}

}  // namespace

TEST_CASE("what DeepPoly cannot see is decided, with a certified bound or a witness") {
  for (const std::string& stage : kStages) {
    const Verdicts robust = answers(stage, two_sides(2.5F), one_question({0.5F, 0.5F}), 0.5);
    CHECK(robust.solver == stage);
    CHECK(robust.rows[0].verdict == Verdict::robust);
    CHECK(robust.rows[0].bound > 0);
    CHECK(robust.rows[0].bound <= 0.5);
    const Verdicts broken = answers(stage, two_sides(1.5F), one_question({0.5F, 0.5F}), 0.5);
    CHECK(broken.rows[0].verdict == Verdict::counterexample);
    CHECK(broken.rows[0].witness_checked);
    CHECK(broken.rows[0].image == 7);
  }
}

TEST_CASE("what is known of the reals only says so") {
  for (const std::string& stage : kStages) {
    const Verdicts::Row wide = answers(stage, two_sides(2.5F), one_question({0.5F, 0.5F}), 0.5).rows[0];
    CHECK(wide.message.empty());
    // One step of a float above the tie, less than single precision may be off.
    const Network near = two_sides(std::nextafter(2.0F, 3.0F));
    const Verdicts::Row narrow = answers(stage, near, one_question({0.5F, 0.5F}), 0.5).rows[0];
    CHECK(narrow.verdict == Verdict::robust);
    CHECK_MESSAGE(narrow.message.find("over the reals; in float32 inference") == 0, narrow.message);
  }
}

TEST_CASE("a search tells what bounds left to it, and nothing where none was needed") {
  const Instances q = questions(
      {{.image = 0, .label = 0, .target = {}, .epsilon = 0}, {.image = 1, .label = 1, .target = {}, .epsilon = 0}},
      {0.5F, 0.5F, 0.5F, 0.5F});
  for (const std::string& stage : kStages) {
    const auto numbers = answers(stage, two_sides(2.5F), q, 0.5).numbers;
    // a + b, a - b and relu(a + b) - relu(a - b) may have either sign; the sum's low end is 0, rounded outward.
    CHECK(numbers.at("unstable_neurons")[0] == 4);
    CHECK(numbers.at("integer_variables")[0] >= 3);
    CHECK(numbers.at("integer_variables")[0] <= 4);
    CHECK(numbers.at("subproblems")[0] >= (stage == "abstract.refine" ? 0 : 1));  // its bounds may do without a search
    // Label 1 is not what the centre is given.
    CHECK(std::isnan(numbers.at("unstable_neurons")[1]));
    CHECK(std::isnan(numbers.at("integer_variables")[1]));
  }
}

TEST_CASE("descents answer what otherwise takes programs, and the answers are the same") {
  std::mt19937 random(1);
  int spared = 0;
  for (int i = 0; i < 40; ++i) {
    const Network network = random_dense({6, 8, 8, 3}, 0.8, random);
    const auto x = random_input(network, random);
    Instances q = one_question({x.begin(), x.end()});
    q.rows[0].label = argmax(network.forward(x));
    const auto ask = [&](const std::string& stage, bool descent) {
      StageBench bench(stage);
      bench.give("network", network).give("instances", q).set("epsilon", 0.1).set("budget_s", 0.0);
      return bench.set("descent", descent).run().result<Verdicts>("verdicts");
    };
    for (const std::string& stage : kStages) {
      const Verdicts with = ask(stage, true);
      const Verdicts without = ask(stage, false);
      CHECK(with.rows[0].verdict == without.rows[0].verdict);
      const bool by_descent = std::isnan(with.numbers.at("subproblems")[0]);
      spared += by_descent && !std::isnan(without.numbers.at("subproblems")[0]);
    }
  }
  CHECK(spared > 0);
}

TEST_CASE("a tie at one point of the box is no robustness") {
  for (const std::string& stage : kStages) {
    const Verdicts::Row row = answers(stage, two_sides(2), one_question({0.5F, 0.5F}), 0.5).rows[0];
    CHECK(row.verdict == Verdict::counterexample);
    CHECK(row.bound <= 0);
  }
}

TEST_CASE("with a target only that class counts, without one every class") {
  const Instances q = questions({{.image = 0, .label = 0, .target = 1, .epsilon = 0},
                                 {.image = 1, .label = 0, .target = 2, .epsilon = 0},
                                 {.image = 2, .label = 0, .target = {}, .epsilon = 0}},
                                {0.25F, 0.25F, 0.25F});
  for (const std::string& stage : kStages) {
    const Verdicts verdicts = answers(stage, three_classes(), q, 0.5);
    CHECK(verdicts.rows[0].verdict == Verdict::counterexample);
    CHECK(verdicts.rows[1].verdict == Verdict::robust);
    CHECK(verdicts.rows[2].verdict == Verdict::counterexample);
  }
}

TEST_CASE("what DeepPoly proves, every search says") {
  std::mt19937 random(1);
  int proven = 0;
  for (int i = 0; i < 30; ++i) {
    const Network network = random_dense({6, 8, 8, 3}, 0.8, random);
    const auto x = random_input(network, random);
    Instances q = one_question({x.begin(), x.end()});
    q.rows[0].label = argmax(network.forward(x));
    const Verdicts::Row by_bounds = answers("abstract.deeppoly", network, q, 0.05).rows[0];
    for (const std::string& stage : kStages) {
      const Verdicts::Row row = answers(stage, network, q, 0.05).rows[0];
      CHECK((row.verdict == Verdict::robust || row.verdict == Verdict::counterexample));
      CHECK(row.bound >= by_bounds.bound);
      if (by_bounds.verdict == Verdict::robust) CHECK(row.verdict == Verdict::robust);
    }
    proven += by_bounds.verdict == Verdict::robust;
  }
  CHECK(proven > 5);
}

TEST_CASE("methods agree on networks too large to enumerate") {
  std::mt19937 random(2);
  int proven_by_search = 0;
  int broken = 0;
  for (int i = 0; i < 40; ++i) {
    const Network network = random_dense({8, 14, 10, 3}, 1, random);
    const auto x = random_input(network, random);
    Instances q = one_question({x.begin(), x.end()});
    q.rows[0].label = argmax(network.forward(x));
    const bool by_bounds = answers("abstract.deeppoly", network, q, 0.15).rows[0].verdict == Verdict::robust;
    const Verdict first = answers(kStages[0], network, q, 0.15).rows[0].verdict;
    for (const std::string& stage : kStages) CHECK(answers(stage, network, q, 0.15).rows[0].verdict == first);
    proven_by_search += first == Verdict::robust && !by_bounds;
    broken += first == Verdict::counterexample;
  }
  MESSAGE(proven_by_search << " proven by search alone, " << broken << " counterexamples");
  CHECK(proven_by_search > 5);
  CHECK(broken > 5);
}

TEST_CASE("a budget that is used up is a timeout") {
  std::mt19937 random(3);
  const Network network = hard_network(random);
  Instances q = one_question(std::vector<float>(20, 0.5F));
  q.rows[0].label = argmax(network.forward(std::vector<double>(20, 0.5)));
  for (const std::string& stage : kStages) {
    const Verdicts cut = answers(stage, network, q, 0.02, 1e-9);
    CHECK(cut.budget_s == 1e-9);
    CHECK(cut.rows[0].verdict == Verdict::timeout);
  }
}

TEST_CASE("a run that is stopped stops") {
  std::mt19937 random(4);
  for (const std::string& stage : kStages) {
    StageBench bench(stage);
    bench.give("network", hard_network(random)).give("instances", one_question(std::vector<float>(20, 0.5F)));
    bench.set("epsilon", 0.3).set("budget_s", 0.0).request_stop();
    CHECK_THROWS_AS(bench.run(), Error);
  }
}

TEST_CASE("a box without points is an error; questions that do not fit are refused") {
  for (const std::string& stage : kStages) {
    CHECK(answers(stage, three_classes(), one_question({1.5F}), 0.25).rows[0].verdict == Verdict::error);
    CHECK_THROWS_AS(answers(stage, three_classes(), one_question({0.5F, 0.5F}), 0.25), Error);
  }
}

TEST_CASE("the smallest distortion is bracketed") {
  const Distortions found = distortions(three_classes(), one_question({0.125F}));  // 0.5 is 0.375 away
  const double low = found.metrics.series.at("distortion_low")[0];
  const double high = found.metrics.series.at("distortion_high")[0];
  CHECK(low < 0.375);
  CHECK(high >= 0.375);
  CHECK(high - low <= 1e-3);
  CHECK(found.metrics.values.at("narrow") == 1);
  REQUIRE(found.attacks.rows.size() == 1);
  CHECK(found.attacks.rows[0].found);
  CHECK(found.attacks.rows[0].adversarial_class == 1);
  CHECK(found.attacks.rows[0].distance == high);
  CHECK(found.attacks.points.as<float>()[0] >= 0.5F);
}

TEST_CASE("the search for the smallest distortion begins at what is known") {
  const Network network = three_classes();
  const Instances q = one_question({0.125F});  // 0.5 is 0.375 away
  const auto run = [&](std::optional<float> point, std::optional<double> proven, double largest = 1) {
    StageBench bench("milp.distortion");
    bench.give("network", network).give("instances", q).set("largest", largest);
    // Any bracket is narrow enough: what is known before is all there is, but where nothing is.
    bench.set("budget_s", 0.0).set("tolerance", 1.0);
    if (point) bench.give("attacks", attack_with(*point));
    if (proven) bench.give("radii", metrics_of(radius_of(*proven)));
    bench.run();
    const auto& series = bench.result<Metrics>("metrics").series;
    return std::pair(series.at("distortion_low")[0], series.at("distortion_high")[0]);
  };
  const auto [low, high] = run(0.75F, {});
  CHECK(low == 0);
  CHECK(high >= 0.375);
  CHECK(high < 0.376);  // on the way from the centre to the point
  CHECK(run(0.75F, 0.25).first == 0.25);
  CHECK(run(0.25F, {}, 0.25).second == HUGE_VAL);  // no distorted image, whatever the attack says
  CHECK(run(0.75F, {}, 0.25).second == HUGE_VAL);  // further than what matters
  CHECK(run({}, 0.5, 0.25).first == 0.25);
  CHECK_THROWS_AS(run(0.75F, 0.5), Error);  // both cannot be
}

TEST_CASE("without time only what others proved is known of a distortion") {
  const Network network = three_classes();
  const auto run = [&](std::optional<float> point, std::optional<double> proven) {
    StageBench bench("milp.distortion");
    bench.give("network", network).give("instances", one_question({0.125F})).set("budget_s", 1e-9);
    if (point) bench.give("attacks", attack_with(*point));
    if (proven) bench.give("radii", metrics_of(radius_of(*proven)));
    const auto& series = bench.run().result<Metrics>("metrics").series;
    return std::pair(series.at("distortion_low")[0], series.at("distortion_high")[0]);
  };
  CHECK(run({}, {}) == std::pair(0.0, HUGE_VAL));
  CHECK(run({}, 0.25) == std::pair(0.25, HUGE_VAL));
  CHECK(run(0.75F, {}) == std::pair(0.0, HUGE_VAL));
}

TEST_CASE("replays look at the clock: points of attacks, and points on the way to the centre") {
  const Network network = three_classes();
  const linear::CompleteVerifier verifier(network, {});
  const std::vector<float> centre{0.125F};
  const std::vector<float> point{0.75F};
  const auto high_after = [&](int count, std::size_t points) {
    const milp::Quest quest{.label = 0,
                            .target = {},
                            .centre = centre,
                            .clip = {0, 1},
                            .largest = 1,
                            .tolerance = 1e-3,
                            .proven = 0.0625,
                            .points = std::vector<std::span<const float>>(points, point)};
    return smallest_distortion(verifier, quest, looks(count)).high;
  };
  CHECK(high_after(0, 1000) == HUGE_VAL);
  CHECK(high_after(1, 1000) == 0.625);    // the point itself
  CHECK(high_after(2, 1000) == 0.625);    // half of the way is too far
  CHECK(high_after(3, 1000) == 0.46875);  // a quarter is not
}

TEST_CASE("radii of another network, another range or another image are no proof here") {
  const auto error_of = [](const Network& network, const Instances& q, const abstract::Radii& radii) {
    StageBench bench("milp.distortion");
    bench.give("network", network).give("instances", q).set("budget_s", 1e-9).give("radii", metrics_of(radii));
    try {
      bench.run();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const Instances q = one_question({0.125F});
  CHECK(error_of(three_classes(), q, radius_of(0.25)) == "no error");
  const Network other = two_classes();
  CHECK(error_of(other, q, radius_of(0.25)) == "'radii' of crown.radius are of the network " +
                                                   abstract::content_of(three_classes()).brief() +
                                                   ", but 'network' is " + abstract::content_of(other).brief());
  Instances wider = q;
  wider.clip_low = -1;
  CHECK(error_of(three_classes(), wider, radius_of(0.25)) ==
        "'radii' of crown.radius are of pixels in [0, 1], but those of 'instances' are in [-1, 1]");
  CHECK(error_of(three_classes(), one_question({0.25F}), radius_of(0.25)) ==
        "image 7, label 0, has other pixels in 'radii' than in 'instances'");
  CHECK(error_of(three_classes(), q, radius_of(NAN)) == "entry 0 of series 'proven_radius' of 'radii' is nan");
}

TEST_CASE("what crown.radius proves is where the search for a distortion begins, on its own network only") {
  std::mt19937 random(7);
  const Network network = random_dense({4, 6, 3}, 1, random);
  const auto x = random_input(network, random);
  Instances q = one_question({x.begin(), x.end()});
  q.rows[0].label = argmax(network.forward(x));
  StageBench proofs("crown.radius");
  proofs.give("network", network).give("instances", q).run();
  const auto& radii = proofs.result<Metrics>("metrics");
  const double proven = radii.series.at("proven_radius")[0];
  REQUIRE(proven > 0);
  const auto low_of = [&](const Network& asked) {
    StageBench bench("milp.distortion");
    bench.give("network", asked).give("instances", q).set("budget_s", 1e-9).give("radii", radii);
    return bench.run().result<Metrics>("metrics").series.at("distortion_low")[0];
  };
  CHECK(low_of(network) == proven);
  CHECK_THROWS_AS(low_of(random_dense({4, 6, 3}, 1, random)), Error);
}

TEST_CASE("a radius proven against one class says nothing of others") {
  const Instances q = questions(
      {{.image = 7, .label = 0, .target = {}, .epsilon = 0}, {.image = 7, .label = 0, .target = 2, .epsilon = 0}},
      {0.125F, 0.125F});
  StageBench bench("milp.distortion");
  bench.give("network", three_classes()).give("instances", q).set("budget_s", 1e-9);
  bench.give("radii", metrics_of(radius_of(0.75, 2))).give("radii", metrics_of(radius_of(0.25))).run();
  CHECK(bench.result<Metrics>("metrics").series.at("distortion_low") == std::vector<double>{0.25, 0.75});
}

TEST_CASE("radii that cannot be decided leave the others to be asked about") {
  std::mt19937 random(3);
  for (int i = 0; i < 200; ++i) {
    std::uniform_real_distribution<double> anywhere(0, 1.2);
    const double easy = anywhere(random);  // below, all is proven
    const double found = easy + (i % 3 == 0 ? 0 : anywhere(random) / 4);
    milp::Ends ends(1, 1e-3);
    int asked = 0;
    while (const auto radius = ends.next()) {
      REQUIRE(++asked < 60);
      if (*radius < easy) {
        ends.proven(*radius);
      } else if (*radius >= found) {
        ends.found(*radius);
      } else {
        ends.unanswered(*radius);
      }
    }
    CHECK((ends.narrow() || (easy < found && easy < 1)));
    CHECK(ends.low() <= easy);
    CHECK(ends.high() >= found);
    CHECK(std::min(easy, 1.0) - ends.low() <= 1e-3);
    if (found <= 1) CHECK(ends.high() - found <= 1e-3);
    if (found > 1) CHECK(ends.high() == HUGE_VAL);
  }
}

TEST_CASE("no distortion is needed for a wrong answer, and none is enough where all are right") {
  const Distortions wrong = distortions(three_classes(), one_question({0.75F}));
  CHECK(wrong.metrics.series.at("distortion_high")[0] == 0);
  CHECK(!wrong.attacks.rows[0].found);
  const Distortions right = distortions(three_classes(), one_question({0.125F}), 0.25);
  CHECK(right.metrics.series.at("distortion_low")[0] == 0.25);
  CHECK(right.metrics.series.at("distortion_high")[0] == HUGE_VAL);
  CHECK(right.metrics.values.at("narrow") == 1);  // all that was asked about is proven
  CHECK(!right.attacks.rows[0].found);
}

TEST_CASE("one input: the bracket holds the exact smallest distortion") {
  std::mt19937 random(5);
  int checked = 0;
  for (int i = 0; i < 200; ++i) {
    const Network network = random_dense({1, 4, 3, 2}, 1, random);
    const float centre = 0.5F;
    const std::int64_t label = argmax(network.forward(std::vector<double>{centre}));
    // The nearest place where the margin is 0 or less lies at a corner, or where it crosses 0 between two.
    const ExactNetwork<Wide> exact(network);
    const auto margin = [&](const Wide& x) {
      const auto y = exact.output({x});
      return label == 0 ? y[0] - y[1] : y[1] - y[0];
    };
    std::vector<Point> points = corners_in_one_dimension(network, exact_box({centre}, 0.5, 0, 1));
    Wide nearest = 2;
    for (std::size_t k = 0; k + 1 < points.size(); ++k) {
      const Wide a = margin(points[k][0]);
      const Wide b = margin(points[k + 1][0]);
      if (a * b > 0) continue;
      const Wide x = a == b ? points[k][0] : points[k][0] + (points[k + 1][0] - points[k][0]) * (a / (a - b));
      nearest = std::min(nearest, Wide(abs(x - Wide(centre))));
    }
    Instances q = one_question({centre});
    q.rows[0].label = label;
    const Distortions found = distortions(network, q, 0.5);
    CHECK(Wide(found.metrics.series.at("distortion_low")[0]) <= nearest);
    CHECK(Wide(found.metrics.series.at("distortion_high")[0]) >= nearest - Wide(1e-9));
    checked += nearest <= Wide(0.5);
    CHECK(found.metrics.values.at("narrow") == 1);  // found, or proven as far as was asked
  }
  CHECK(checked > 10);
}
