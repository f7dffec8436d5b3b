// SPDX-License-Identifier: Apache-2.0
// The stage measure.crosscheck: what verifiers and attacks say of one network must be possible all at once.
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "abstract/radii.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

using Labels = std::map<std::string, std::string>;

/// One pixel, three classes: score 0 is `level`, score 1 is relu(x) = x, score 2 is 0.
Network threshold(float level = 0.5F) {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}, {0}}, {level, 0, 0});
  return builder.build();
}

/// One answer about image 7, label 0.
struct Answer {
  Verdict verdict = Verdict::robust;
  double epsilon = 0.1;
  std::optional<std::int64_t> target = {};
  std::optional<float> witness = {};
};

Verdicts verdicts(const std::string& solver, const std::vector<Answer>& answers) {
  Verdicts out;
  out.solver = solver;
  std::vector<float> points;
  for (const Answer& a : answers) {
    if (a.witness) {
      out.witness_rows.push_back(static_cast<std::int64_t>(out.rows.size()));
      points.push_back(*a.witness);
    }
    out.rows.push_back({.image = 7,
                        .label = 0,
                        .target = a.target,
                        .epsilon = a.epsilon,
                        .verdict = a.verdict,
                        .seconds = 1,
                        .bound = a.verdict == Verdict::robust ? 0.25 : -HUGE_VAL,
                        .witness_checked = a.witness.has_value(),
                        .message = {}});
  }
  out.witnesses = Tensor::of({static_cast<std::int64_t>(points.size()), 1}, points);
  return out;
}

/// An attack on image 7, label 0, that found a point of class 1; it is kept when it is given.
Attacks attack(double epsilon, double distance, std::optional<float> point = {}) {
  Attacks out;
  out.method = "pgd";
  out.epsilon = epsilon;
  out.rows.push_back({.image = 7,
                      .label = 0,
                      .predicted = 0,
                      .found = true,
                      .adversarial_class = 1,
                      .distance = distance,
                      .margin = -0.1});
  if (point) {
    out.points = Tensor::of({1, 1}, std::vector<float>{*point});
    out.point_rows = {0};
  }
  return out;
}

/// Of image 7, label 0, and the network threshold().
abstract::Radii found_by(const char* who, double proven, double broken, std::optional<std::int64_t> target = {}) {
  return {.who = who,
          .network = abstract::content_of(threshold()),
          .clip = {0, 1},
          .rows = {{.image = 7,
                    .label = 0,
                    .target = target,
                    .proven = proven,
                    .broken = broken,
                    .pixels = abstract::pixels_of(std::vector<float>{0.25F})}}};
}

Instances image_at(float centre) {
  Instances q;
  q.rows.push_back({.image = 7, .label = 0, .target = {}, .epsilon = 0.1});
  q.centres = Tensor::of({1, 1}, std::vector<float>{centre});
  return q;
}

StageBench crosscheck(const Network& network = threshold(), const Labels& labels = {}) {
  StageBench bench("measure.crosscheck");
  bench.give("networks", network, labels);
  return bench;
}

double value(StageBench& bench, const std::string& name) {
  return bench.run().result<Metrics>("metrics").values.at(name);
}

Error error_of(StageBench& bench) {
  try {
    bench.run();
  } catch (const Error& error) {
    return error;
  }
  return {Code::stopped, "no error"};
}

void check_fails(StageBench& bench, Code code, const std::vector<std::string>& texts) {
  const Error error = error_of(bench);
  CHECK(to_text(error.code()) == to_text(code));
  for (const std::string& text : texts)
    CHECK_MESSAGE(std::string(error.what()).find(text) != std::string::npos, error.what());
}

const Answer kRobust{.verdict = Verdict::robust, .epsilon = 0.1};
const Answer kBroken{.verdict = Verdict::counterexample, .epsilon = 0.1, .witness = 0.5F};
const Answer kOpen{.verdict = Verdict::timeout, .epsilon = 0.1};

}  // namespace

TEST_CASE("crosscheck: answers that agree, and open ones, are counted") {
  StageBench bench = crosscheck();
  bench.give("verdicts", verdicts("a", {kRobust, {.verdict = Verdict::robust, .epsilon = 0.05}}));
  bench.give("verdicts", verdicts("b", {kRobust}));
  bench.give("verdicts", verdicts("c", {kOpen}));
  CHECK(value(bench, "questions") == 1);  // nobody else was asked about 0.05
  CHECK(value(bench, "agreeing") == 1);
  CHECK(value(bench, "open") == 2);
  CHECK(value(bench, "points") == 0);
}

TEST_CASE("crosscheck: a counterexample within a larger radius contradicts nothing") {
  StageBench bench = crosscheck();
  bench.give("verdicts", verdicts("a", {kRobust}));
  bench.give("verdicts", verdicts("b", {{.verdict = Verdict::counterexample, .epsilon = 0.2, .witness = 0.5F}}));
  bench.give("attacks", attack(0.3, 0.15, 0.6F)).give("attacks", attack(0.3, 0.1));
  Attacks elsewhere = attack(0.3, 0.05);
  elsewhere.rows[0].image = 8;  // nobody said anything about it
  bench.give("attacks", elsewhere);
  CHECK(value(bench, "compared") == 3);
  CHECK(value(bench, "points") == 3);
  CHECK(value(bench, "questions") == 0);
}

TEST_CASE("crosscheck: verdicts that contradict each other fail with both pieces of evidence") {
  StageBench bench = crosscheck(threshold(), {{"variant", "baseline"}});
  bench.give("verdicts", verdicts("a.verify", {kRobust}), {{"variant", "baseline"}, {"budget", "60"}});
  bench.give("verdicts", verdicts("b.verify", {kBroken}), {{"variant", "baseline"}});
  bench.give("instances", image_at(0.40625F));
  check_fails(
      bench, Code::internal,
      {"image 7, label 0, of the network with variant=baseline",
       "'a.verify (budget=60)' says robust within epsilon 0.1 with a bound of 0.25",
       "'b.verify' found a point within epsilon 0.1 at distance 0.09375 that scores 0.5 for label 0 and 0.5 for "
       "class 1, a margin of 0"});
}

TEST_CASE("crosscheck: robust in a larger box, broken in a smaller one") {
  StageBench bench = crosscheck();
  bench.give("verdicts", verdicts("a", {{.verdict = Verdict::robust, .epsilon = 0.2}}));
  bench.give("verdicts", verdicts("b", {kBroken}));
  check_fails(bench, Code::internal, {"'a' says robust within epsilon 0.2", "'b' found a point within epsilon 0.1"});
}

TEST_CASE("crosscheck: targets") {
  const Answer towards_1{.verdict = Verdict::counterexample, .epsilon = 0.1, .target = 1, .witness = 0.625F};
  SUBCASE("a targeted counterexample contradicts an untargeted robust") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {kRobust, towards_1}));
    check_fails(bench, Code::internal, {"'a' says robust within epsilon 0.1", "0.625 for class 1"});
  }
  SUBCASE("and robust against that class, though the counterexample is untargeted") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {{.verdict = Verdict::robust, .epsilon = 0.1, .target = 1}, kBroken}));
    check_fails(bench, Code::internal, {"'a' says robust against class 1 within epsilon 0.1"});
  }
  SUBCASE("but not robust against another class") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {{.verdict = Verdict::robust, .epsilon = 0.1, .target = 2}, towards_1}));
    bench.give("attacks", attack(0.1, 0.05));
    CHECK(value(bench, "compared") == 2);
  }
}

TEST_CASE("crosscheck: an attack that found something contradicts robust") {
  SUBCASE("with its point") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {kRobust})).give("attacks", attack(0.1, 0.07, 0.6F));
    check_fails(bench, Code::internal, {"'pgd' found a point within epsilon 0.1 at distance 0.07 that scores 0.5 for"});
  }
  SUBCASE("without it") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {kRobust})).give("attacks", attack(0.1, 0.07));
    check_fails(bench, Code::internal, {"at distance 0.07 of class 1; it was not kept"});
  }
  SUBCASE("from a larger box, when it lies in the smaller one") {
    StageBench bench = crosscheck();
    bench.give("verdicts", verdicts("a", {kRobust})).give("attacks", attack(0.3, 0.07));
    check_fails(bench, Code::internal, {"'pgd' found a point within epsilon 0.3 at distance 0.07"});
  }
}

TEST_CASE("crosscheck: radii contradict answers, points, distances and each other") {
  const Answer broken{.verdict = Verdict::counterexample, .epsilon = 0.3, .witness = 0.5F};
  const auto bench_with = [](const abstract::Radii& found) {
    StageBench bench = crosscheck();
    bench.give("radii", metrics_of(found));
    return bench;
  };
  SUBCASE("a proof and an attack's distance") {
    StageBench bench = bench_with(found_by("crown.radius", 0.1, HUGE_VAL));
    bench.give("verdicts", verdicts("a", {})).give("attacks", attack(0.3, 0.07));
    check_fails(bench, Code::internal, {"'crown.radius' says robust within epsilon 0.1", "at distance 0.07"});
  }
  SUBCASE("a proof and a counterexample") {
    StageBench bench = bench_with(found_by("crown.radius", 0.4, HUGE_VAL));
    bench.give("verdicts", verdicts("a", {broken}));
    check_fails(bench, Code::internal, {"'crown.radius' says robust within epsilon 0.4", "'a' found a point"});
  }
  SUBCASE("an answer and a distortion") {
    StageBench bench = bench_with(found_by("milp.distortion", 0, 0.0625));
    bench.give("verdicts", verdicts("a", {kRobust}));
    check_fails(bench, Code::internal, {"'a' says robust", "'milp.distortion' found a point within epsilon 0.0625"});
  }
  SUBCASE("a proof and a distortion") {
    StageBench bench = bench_with(found_by("crown.radius", 0.125, 0.25));
    bench.give("radii", metrics_of(found_by("milp.distortion", 0.03125, 0.0625))).give("verdicts", verdicts("a", {}));
    check_fails(bench, Code::internal, {"'crown.radius' says robust within epsilon 0.125"});
  }
  SUBCASE("what agrees, is proven of another class only, or is not proven at all") {
    StageBench bench = bench_with(found_by("crown.radius", 0.125, 0.25));
    bench.give("radii", metrics_of(found_by("crown.radius", 0.5, HUGE_VAL, 2)));
    bench.give("radii", metrics_of(found_by("crown.radius", 0, HUGE_VAL)));
    bench.give("verdicts", verdicts("a", {kRobust})).give("attacks", attack(0.3, 0.25));
    CHECK(value(bench, "compared") == 6);
  }
  SUBCASE("series that are none of radii") {
    StageBench bench = crosscheck();
    bench.give("radii", Metrics()).give("verdicts", verdicts("a", {kRobust}));
    check_fails(bench, Code::request, {"'radii' has no series 'image'"});
  }
  SUBCASE("of another network than the one their labels name") {
    const Network other = threshold(0.75F);
    StageBench bench = crosscheck(other, {{"variant", "other"}});
    bench.give("radii", metrics_of(found_by("crown.radius", 0.1, 0.2)), {{"variant", "other"}});
    bench.give("verdicts", verdicts("a", {}), {{"variant", "other"}});
    check_fails(bench, Code::request,
                {"'radii' of crown.radius are of the network " + abstract::content_of(threshold()).brief() +
                 ", but the network with variant=other is " + abstract::content_of(other).brief()});
  }
  SUBCASE("of pixels in another range, or of another image") {
    abstract::Radii found = found_by("crown.radius", 0.125, 0.25);
    found.clip = {0.125, 1};
    StageBench range = bench_with(found);
    range.give("verdicts", verdicts("a", {})).give("instances", image_at(0.25F));
    check_fails(range, Code::request, {"are of pixels in [0.125, 1], but those of 'instances' are in [0, 1]"});
    StageBench image = bench_with(found_by("crown.radius", 0.125, 0.25));
    image.give("verdicts", verdicts("a", {})).give("instances", image_at(0.375F));
    check_fails(image, Code::request, {"image 7, label 0, has other pixels in 'radii'"});
    StageBench right = bench_with(found_by("crown.radius", 0.125, 0.25));
    right.give("verdicts", verdicts("a", {})).give("instances", image_at(0.25F));
    CHECK(value(right, "points") == 1);
  }
}

TEST_CASE("crosscheck: with the instances a point is looked for in every box") {
  const Answer far{.verdict = Verdict::counterexample, .epsilon = 0.5, .witness = 0.5F};
  StageBench unknown_place = crosscheck();
  unknown_place.give("verdicts", verdicts("a", {kRobust, far}));
  CHECK(value(unknown_place, "compared") == 1);
  StageBench inside = crosscheck();
  inside.give("verdicts", verdicts("a", {kRobust, far})).give("instances", image_at(0.4375F));
  check_fails(inside, Code::internal, {"at distance 0.0625"});
  StageBench outside = crosscheck();
  outside.give("verdicts", verdicts("a", {kRobust, far})).give("instances", image_at(0.375F));
  CHECK(value(outside, "compared") == 1);
}

TEST_CASE("crosscheck: every contradiction counts; the first is shown, all are logged") {
  StageBench bench = crosscheck();
  bench.give("verdicts", verdicts("a", {kRobust, kRobust, kRobust, kRobust, kRobust, kBroken}));
  check_fails(bench, Code::internal, {"a contradiction about image 7", "; and 4 more, in the log"});
  CHECK(bench.logged().size() == 5);
}

TEST_CASE("crosscheck: different networks with the same image are not compared") {
  const Labels one{{"variant", "one"}};
  const Labels other{{"variant", "other"}};
  StageBench bench = crosscheck(threshold(), one);
  bench.give("networks", threshold(0.75F), other);
  bench.give("verdicts", verdicts("a", {kBroken}), one).give("verdicts", verdicts("a", {kRobust}), other);
  bench.give("attacks", attack(0.1, 0.1, 0.625F), one);
  CHECK(value(bench, "questions") == 0);
  CHECK(value(bench, "points") == 2);
  CHECK(value(bench, "compared") == 0);
}

TEST_CASE("crosscheck: an answer has to be about one of the networks") {
  const Labels one{{"variant", "one"}};
  StageBench none = crosscheck(threshold(), one);
  none.give("verdicts", verdicts("a", {kRobust}));
  check_fails(none, Code::request, {"'a' with no labels is about none of the networks"});

  StageBench twins = crosscheck();
  twins.give("networks", threshold());
  check_fails(twins, Code::request, {"two networks are gathered with no labels"});

  StageBench several = crosscheck();
  several.give("networks", threshold(), one).give("verdicts", verdicts("a", {kRobust}), one);
  check_fails(several, Code::request, {"may be about the network with no labels or the one with variant=one"});

  StageBench mistaken = crosscheck(threshold(0.75F));
  mistaken.give("verdicts", verdicts("a", {kBroken}));
  check_fails(mistaken, Code::request, {"what 'a' found is nothing on the network its labels name: it scores 0.75"});

  StageBench pixels = crosscheck();
  pixels.give("verdicts", verdicts("a", {kRobust}));
  pixels.give("instances", image_at(0.25F)).give("instances", image_at(0.5F));
  check_fails(pixels, Code::request, {"two instances give other pixels"});
}

TEST_CASE("crosscheck: what only rounding made an attack believe is no evidence") {
  // 1 + 2^-60 - 1 in doubles is 0, a tie; over the reals label 0 is ahead.
  NetworkBuilder builder({1});
  builder.linear({{1}, {0}}, {0, 1});
  builder.linear({{0x1p-60F, 1}, {0, 1}}, {0, 0});
  StageBench bench = crosscheck(builder.build());
  bench.give("verdicts", verdicts("a", {kRobust})).give("attacks", attack(0.1, 0.05, 1.0F));
  CHECK(value(bench, "points") == 0);
}
