// SPDX-License-Identifier: Apache-2.0
// The stages abstract.intervals and abstract.deeppoly, as a pipeline sees them.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "crown/verifier.hpp"
#include "linear_program/complete.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

constexpr double kInfinity = HUGE_VAL;

/// One pixel, two classes: score 0 is 0.5, score 1 is relu(x) = x, so that class 0 wins below x = 0.5.
Network threshold() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}}, {0.5F, 0});
  return builder.build();
}

/// Two pixels in [0, 1], s = relu(a + b) + relu(a - b) with a, b in [-1, 1]; score 0 is `level`, score 1 is s. Over the
/// whole box s is at most 2, DeepPoly says 3 and intervals 4 (the example worked out in abstract_bounds_test.cpp).
Network two_sides(float level) {
  NetworkBuilder builder({2});
  builder.linear({{2, 2}, {2, -2}}, {-2, 0});  // a = 2 x - 1, b = 2 y - 1
  builder.add(Relu{});
  builder.linear({{1, 1}, {1, -1}}, {0, 0});
  builder.add(Relu{});
  builder.linear({{0, 0}, {1, 0}}, {level, 0});
  return builder.build();
}

Instances questions(std::vector<Instances::Row> rows, const std::vector<float>& centres) {
  Instances q;
  const auto count = static_cast<std::int64_t>(rows.size());
  q.rows = std::move(rows);
  q.centres = Tensor::of({count, static_cast<std::int64_t>(centres.size()) / count}, centres);
  return q;
}

Verdicts answers(const std::string& stage, const Network& network, const Instances& instances, double epsilon,
                 double budget_s = 0) {
  StageBench bench(stage);
  bench.give("network", network).give("instances", instances);
  bench.set("epsilon", epsilon).set("budget_s", budget_s);
  return bench.run().result<Verdicts>("verdicts");
}

Verdicts::Row answer(const std::string& stage, const Network& network, const std::vector<float>& centre,
                     double epsilon) {
  return answers(stage, network, questions({{.image = 0, .label = 0, .target = {}, .epsilon = epsilon}}, centre),
                 epsilon)
      .rows[0];
}

void check_refused(const Network& network, const Instances& instances, const std::string& text) {
  CHECK_THROWS_WITH_AS(answers("abstract.deeppoly", network, instances, 0.1), text.c_str(), Error);
}

}  // namespace

TEST_CASE("both stages say which results they repeat, and need a radius") {
  for (const char* name : {"abstract.intervals", "abstract.deeppoly"}) {
    const StageBench bench(name);
    CHECK(bench.stage().repeatable == Repeatable::budgeted);
    CHECK(bench.stage().params[0].name == "epsilon");
    CHECK(bench.stage().params[0].required);
  }
}

TEST_CASE("robust where the bound says so, with the bound") {
  for (const std::string stage : {"abstract.intervals", "abstract.deeppoly"}) {
    const Verdicts::Row row = answer(stage, threshold(), {0.25F}, 0.125);
    CHECK(row.verdict == Verdict::robust);
    CHECK(row.bound == doctest::Approx(0.125));
    CHECK(row.bound <= 0.125);
    CHECK(row.epsilon == 0.125);
    CHECK(row.seconds > 0);
    CHECK(row.message.empty());
  }
}

TEST_CASE("DeepPoly proves what intervals cannot, and neither what it should not") {
  const std::vector<float> centre{0.5F, 0.5F};
  CHECK(answer("abstract.intervals", two_sides(3.5F), centre, 0.5).verdict == Verdict::unknown);
  CHECK(answer("abstract.intervals", two_sides(3.5F), centre, 0.5).bound == doctest::Approx(-0.5));
  CHECK(answer("abstract.deeppoly", two_sides(3.5F), centre, 0.5).verdict == Verdict::robust);
  CHECK(answer("abstract.deeppoly", two_sides(3.5F), centre, 0.5).bound == doctest::Approx(0.5));
  CHECK(answer("abstract.deeppoly", two_sides(2.5F), centre, 0.5).verdict == Verdict::unknown);  // robust, but not seen
  CHECK(answer("abstract.deeppoly", two_sides(2.5F), centre, 0.5).bound == doctest::Approx(-0.5));
}

TEST_CASE("a centre that is classified otherwise is its own counterexample") {
  const Instances q = questions({{.image = 3, .label = 0, .target = {}, .epsilon = 0.01},
                                 {.image = 4, .label = 1, .target = {}, .epsilon = 0.01}},
                                {0.75F, 0.75F});
  for (const std::string stage : {"abstract.intervals", "abstract.deeppoly"}) {
    const Verdicts verdicts = with_checked_witnesses(answers(stage, threshold(), q, 0.01), threshold(), q);
    CHECK(verdicts.solver == stage);
    CHECK(verdicts.rows[0].verdict == Verdict::counterexample);
    CHECK(verdicts.rows[0].witness_checked);
    CHECK(verdicts.rows[0].message.empty());
    CHECK(verdicts.witness_rows == std::vector<std::int64_t>{0});
    CHECK(verdicts.witnesses == Tensor::of({1, 1}, std::vector<float>{0.75F}));
    CHECK(verdicts.rows[1].verdict == Verdict::robust);
  }
}

TEST_CASE("a tie at the centre is a counterexample") {
  const Verdicts::Row row = answer("abstract.deeppoly", threshold(), {0.5F}, 0);
  CHECK(row.verdict == Verdict::counterexample);
  CHECK(row.message.empty());
}

TEST_CASE("DeepPoly tries the point where its bound is smallest") {
  const std::vector<float> centre{0.5F, 0.5F};
  const Instances q = questions({{.image = 0, .label = 0, .target = {}, .epsilon = 0.5}}, centre);
  const Verdicts verdicts = answers("abstract.deeppoly", two_sides(1.5F), q, 0.5);
  const Verdicts checked = with_checked_witnesses(verdicts, two_sides(1.5F), q);
  CHECK(checked.rows[0].verdict == Verdict::counterexample);
  CHECK(checked.rows[0].witness_checked);
  CHECK(checked.rows[0].bound == doctest::Approx(-1.5));
  CHECK(checked.witnesses.as<float>()[0] == 1);  // a = 1
}

TEST_CASE("counterexamples of random networks survive the replay") {
  std::mt19937 random(1);
  int found = 0;
  for (int i = 0; i < 40; ++i) {
    const Network network = random_dense({5, 8, 6, 3}, 0.8, random);
    std::vector<float> centres;
    Instances q;
    for (int k = 0; k < 5; ++k) {
      const std::vector<double> x = random_input(network, random);
      centres.insert(centres.end(), x.begin(), x.end());
      q.rows.push_back({.image = k, .label = argmax(network.forward(x)), .target = {}, .epsilon = 0.3});
    }
    q.centres = Tensor::of({5, 5}, centres);
    const Verdicts verdicts = with_checked_witnesses(answers("abstract.deeppoly", network, q, 0.3), network, q);
    for (const Verdicts::Row& row : verdicts.rows) {
      CHECK(row.verdict != Verdict::error);
      found += row.verdict == Verdict::counterexample;
    }
  }
  CHECK(found > 20);
}

TEST_CASE("a proof too narrow for single precision says so") {
  for (const std::string stage : {"abstract.intervals", "abstract.deeppoly"}) {
    const Verdicts::Row row = answer(stage, threshold(), {0.5F - 0x1p-24F}, 0);  // margin 2^-24
    CHECK(row.verdict == Verdict::robust);
    CHECK(row.message.starts_with("over the reals; in float32 inference the margin may be off by "));
    CHECK(answer(stage, threshold(), {0.5F - 0x1p-20F}, 0).message.empty());
  }
}

TEST_CASE("with a target, only that class counts") {
  NetworkBuilder builder({1});
  builder.linear({{0}, {1}, {0}}, {0.5F, 0, 0.25F});  // class 1 beats class 0 above 0.5, class 2 never does
  const Network network = builder.build();
  const Instances q = questions(
      {{.image = 0, .label = 0, .target = 1, .epsilon = 0.5}, {.image = 0, .label = 0, .target = 2, .epsilon = 0.5}},
      {0.75F, 0.75F});
  for (const std::string stage : {"abstract.intervals", "abstract.deeppoly"}) {
    const Verdicts verdicts = answers(stage, network, q, 0.5);
    CHECK(verdicts.rows[0].verdict == Verdict::counterexample);
    CHECK(verdicts.rows[1].verdict == Verdict::robust);
    CHECK(verdicts.rows[1].target == 2);
    CHECK(verdicts.rows[1].bound == doctest::Approx(0.25));
  }
}

TEST_CASE("a budget that is used up is a timeout, unless intervals had proven it by then") {
  const Instances q = questions({{.image = 0, .label = 0, .target = {}, .epsilon = 0.5}}, {0.5F, 0.5F});
  const Verdicts cut = answers("abstract.deeppoly", two_sides(3.5F), q, 0.5, 1e-12);
  CHECK(cut.budget_s == 1e-12);
  CHECK(cut.rows[0].verdict == Verdict::timeout);
  CHECK(cut.rows[0].bound == doctest::Approx(-0.5));  // what intervals say
  CHECK(answers("abstract.deeppoly", two_sides(4.5F), q, 0.5, 1e-12).rows[0].verdict == Verdict::robust);
  CHECK(answers("abstract.deeppoly", two_sides(3.5F), q, 0.5, 1e6).rows[0].verdict == Verdict::robust);
}

TEST_CASE("a box without points is an error, not robust") {
  const Verdicts::Row row = answer("abstract.deeppoly", threshold(), {1.5F}, 0.25);
  CHECK(row.verdict == Verdict::error);
  CHECK(row.bound == -kInfinity);
  CHECK(row.message == "no input lies within epsilon of the centre and inside the clip range");
}

TEST_CASE("answers repeat bit for bit, and do not depend on the questions beside them") {
  std::mt19937 random(2);
  const Network network = random_residual(random);
  std::vector<float> centres;
  Instances q;
  for (int k = 0; k < 4; ++k) {
    const std::vector<double> x = random_input(network, random);
    centres.insert(centres.end(), x.begin(), x.end());
    q.rows.push_back({.image = k, .label = argmax(network.forward(x)), .target = {}, .epsilon = 0.02});
  }
  Shape shape = network.input_shape();
  shape.insert(shape.begin(), 4);
  q.centres = Tensor::of(shape, centres);
  const Verdicts all = answers("abstract.deeppoly", network, q, 0.02);
  for (std::int64_t k = 0; k < 4; ++k) {
    const Verdicts one = answers("abstract.deeppoly", network, q.slice(k, k + 1), 0.02);
    CHECK(one.rows[0].bound == all.rows[static_cast<std::size_t>(k)].bound);
    CHECK(one.rows[0].verdict == all.rows[static_cast<std::size_t>(k)].verdict);
  }
}

TEST_CASE("questions that do not fit the network are refused, naming both") {
  const auto ask = [](std::int64_t label, std::optional<std::int64_t> target, std::vector<float> centre) {
    return questions({{.image = 0, .label = label, .target = target, .epsilon = 0}}, centre);
  };
  check_refused(threshold(), ask(2, {}, {0.5F}), "instance 0 has label 2, but the network has 2 outputs");
  check_refused(threshold(), ask(0, 5, {0.5F}), "instance 0 has target 5, but the network has 2 outputs");
  check_refused(threshold(), ask(1, 1, {0.5F}), "instance 0 has target 1, which is its label");
  check_refused(threshold(), ask(0, {}, {0.5F, 0.5F}), "the network takes [1], the instances' centres are [2]");
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  check_refused(builder.build(), ask(0, {}, {0.5F}),
                "the network has one output; robustness needs at least two classes");
}

TEST_CASE("a question about no other class is refused by every verifier, and not called robust") {
  using abstract::Box, abstract::Domain, abstract::Question, abstract::rivals, abstract::Verifier;
  NetworkBuilder single({1});
  single.linear({{1}}, {0});
  const Network lonely = single.build();
  const Network two = threshold();
  const std::vector<float> centre{0.25F};
  const Box box(centre, 0.125, {0, 1});
  const auto refused = [&](const Network& network, const Question& question) {
    CHECK_THROWS_AS(rivals(question, element_count(network.output_shape())), Error);
    const Verifier bounds(network);
    CHECK_THROWS_AS(abstract::margin_rows(bounds.graph(), question), Error);
    const auto always = [] { return true; };
    CHECK_THROWS_AS(bounds.answer(question, Domain::intervals, always), Error);
    CHECK_THROWS_AS(bounds.answer(question, Domain::deeppoly, always), Error);
    CHECK_THROWS_AS(linear::CompleteVerifier(network, {}).answer(question, {always, always, always}), Error);
    CHECK_THROWS_AS(crown::Verifier(network).decide(question, 1, [] { return 0.0; }), Error);
  };
  refused(lonely, {.label = 0, .target = {}, .box = &box});
  refused(two, {.label = 0, .target = 0, .box = &box});
  refused(two, {.label = 0, .target = 2, .box = &box});
  refused(two, {.label = 2, .target = {}, .box = &box});
  CHECK(rivals({.label = 1, .target = {}, .box = &box}, 3) == std::vector<std::int64_t>{0, 2});
  CHECK(rivals({.label = 1, .target = 2, .box = &box}, 3) == std::vector<std::int64_t>{2});
}

TEST_CASE("no questions, no answers; a run that is stopped stops") {
  Instances none;
  none.centres = Tensor::zeros(DType::f32, {0, 1});
  CHECK(answers("abstract.deeppoly", threshold(), none, 0.1).rows.empty());
  StageBench bench("abstract.deeppoly");
  bench.give("network", threshold()).set("epsilon", 0.1);
  bench.give("instances", questions({{.image = 0, .label = 0, .target = {}, .epsilon = 0}}, {0.5F}));
  bench.request_stop();
  CHECK_THROWS_AS(bench.run(), Error);
}
