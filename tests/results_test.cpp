// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "support/hostile_fields.hpp"

using espalier::Attacks;
using espalier::Error;
using espalier::Fields;
using espalier::Instances;
using espalier::Layer;
using espalier::Linear;
using espalier::Metrics;
using espalier::Network;
using espalier::Relu;
using espalier::Shape;
using espalier::Tensor;
using espalier::Verdict;
using espalier::Verdicts;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::nan("");

Tensor floats(Shape shape, std::vector<float> values) {
  return Tensor::of<float>(std::move(shape), std::move(values));
}

/// Scores {x0, x1, 0.25} for an input of two pixels.
Network pixels_as_scores() {
  return Network({2}, {{"fc", Linear{floats({3, 2}, {1, 0, 0, 1, 0, 0}), floats({3}, {0, 0, 0.25F}), {}}, {0}}});
}

Instances question(Instances::Row row, std::vector<float> centre) {
  Instances out;
  out.rows = {row};
  const auto size = static_cast<std::int64_t>(centre.size());
  out.centres = floats({1, size}, std::move(centre));
  return out;
}

/// One verdict on each instance: counterexample, with the witness if one is given.
Verdicts counterexamples(const Instances& instances, std::vector<std::vector<float>> witnesses) {
  Verdicts out;
  out.solver = "test.solver";
  for (const Instances::Row& q : instances.rows) {
    out.rows.push_back({.image = q.image,
                        .label = q.label,
                        .target = q.target,
                        .epsilon = q.epsilon,
                        .verdict = Verdict::counterexample,
                        .message = {}});
  }
  std::vector<float> all;
  for (std::size_t i = 0; i < witnesses.size(); ++i) {
    out.witness_rows.push_back(static_cast<std::int64_t>(i));
    all.insert(all.end(), witnesses[i].begin(), witnesses[i].end());
  }
  const auto count = static_cast<std::int64_t>(witnesses.size());
  if (count > 0) out.witnesses = floats({count, static_cast<std::int64_t>(witnesses[0].size())}, std::move(all));
  return out;
}

/// The row after its witness was replayed.
Verdicts::Row replayed(const Instances& q, std::vector<float> witness) {
  return with_checked_witnesses(counterexamples(q, {std::move(witness)}), pixels_as_scores(), q).rows[0];
}

/// Whether the box of that centre and radius holds x, as the witness check decides it.
bool in_box(float x, float centre, double radius) {
  const Network always_wrong({1}, {{"fc", Linear{floats({2, 1}, {0, 0}), floats({2}, {0, 1}), {}}, {0}}});
  Instances q = question({.image = 0, .label = 0, .target = {}, .epsilon = radius}, {centre});
  q.clip_low = -kInfinity;
  q.clip_high = kInfinity;
  return with_checked_witnesses(counterexamples(q, {{x}}), always_wrong, q).rows[0].witness_checked;
}

Verdicts some_verdicts() {
  Verdicts v;
  v.solver = "abstract.deeppoly";
  v.budget_s = 60;
  v.rows = {{.image = 4,
             .label = 1,
             .target = {},
             .epsilon = 0.1,
             .verdict = Verdict::robust,
             .seconds = 0.5,
             .bound = 0.25,
             .witness_checked = false,
             .message = ""},
            {.image = 7,
             .label = 0,
             .target = 2,
             .epsilon = 0.1,
             .verdict = Verdict::counterexample,
             .seconds = 2,
             .bound = -kInfinity,
             .witness_checked = true,
             .message = ""},
            {.image = 9,
             .label = 0,
             .target = 1,
             .epsilon = 0.2,
             .verdict = Verdict::error,
             .seconds = 2,
             .bound = kNan,
             .witness_checked = false,
             .message = "solver gave NaN \xe2\x80\x94 twice"}};
  v.witnesses = floats({1, 2}, {0.5F, 0.25F});
  v.witness_rows = {1};
  return v;
}

Attacks some_attacks() {
  Attacks a;
  a.method = "fgsm";
  a.epsilon = 0.1;
  a.rows = {{0, 1, 1, true, 2, 0.05, -0.5},
            {1, 1, 1, false, 1, 0, 0.25},
            {2, 0, 1, false, 1, 0, -1},
            {3, 2, 2, false, 2, 0, 3}};
  a.points = floats({1, 2}, {0, 1});
  a.point_rows = {0};
  return a;
}

Instances some_instances() {
  Instances q;
  q.rows = {{3, 1, {}, 0.1}, {4, 0, 2, 0.05}, {9, 2, {}, 0}};
  q.centres = floats({3, 2}, {0, 0.5F, 1, 0.25F, 0.75F, 0.125F});
  return q;
}

}  // namespace

TEST_CASE("a witness in its box that is not classified as the label is accepted") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.25}, {0.75F, 0.5F});
  const Verdicts::Row row = replayed(q, {0.5F, 0.75F});
  CHECK(row.verdict == Verdict::counterexample);
  CHECK(row.witness_checked);
  CHECK(row.message.empty());
}

TEST_CASE("a tie is a violation, and just above a tie is none") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.25}, {0.75F, 0.5F});
  CHECK(replayed(q, {0.625F, 0.625F}).witness_checked);
  const Verdicts::Row row = replayed(q, {std::nextafter(0.625F, 1.0F), 0.625F});
  CHECK_FALSE(row.witness_checked);
  CHECK(row.verdict == Verdict::error);
  CHECK(row.message ==
        "counterexample refused: the witness scores 0.6250000596046448 for label 0 and 0.625 for class 1");
}

TEST_CASE("with a target, only the target's score counts") {
  Instances q = question({.image = 5, .label = 0, .target = 2, .epsilon = 0.25}, {0.5F, 0.5F});
  CHECK_FALSE(replayed(q, {0.5F, 0.75F}).witness_checked);  // class 1 wins, class 2 was asked for
  CHECK(replayed(q, {0.25F, 0.75F}).witness_checked);       // a tie of 0 and 2
}

TEST_CASE("a witness outside the box, the clip range or the numbers is refused with its place") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.5}, {0.75F, 0.875F});
  CHECK(replayed(q, {0.125F, 1.0F}).message ==
        "counterexample refused: element 0 of the witness is 0.125, outside 0.75 +- 0.5");
  CHECK(replayed(q, {0.5F, 1.25F}).message ==
        "counterexample refused: element 1 of the witness is 1.25, outside [0, 1]");
  CHECK_FALSE(replayed(q, {0.5F, std::nanf("")}).witness_checked);
  CHECK_FALSE(replayed(q, {0.5F, std::numeric_limits<float>::infinity()}).witness_checked);
}

TEST_CASE("whether a point is in the box is decided exactly") {
  const float tiny = std::ldexp(1.0F, -60);
  CHECK(in_box(1.0F, tiny, 1.0));         // 1 - 2^-60 rounds to 1
  CHECK_FALSE(in_box(1.0F, -tiny, 1.0));  // 1 + 2^-60 rounds to 1
  CHECK_FALSE(in_box(-1.0F, tiny, 1.0));
  CHECK(in_box(-1.0F, -tiny, 1.0));
  CHECK(in_box(0.5F, 0.5F, 0));
  CHECK_FALSE(in_box(std::nextafter(0.5F, 1.0F), 0.5F, 0));
  // 0.1F is above 0.1: the nearest float to an end of a box need not be in the box
  CHECK_FALSE(in_box(0.1F, 0.0F, 0.1));
  CHECK(in_box(std::nextafter(0.1F, 0.0F), 0.0F, 0.1));
}

TEST_CASE("the box agrees with exact arithmetic where doubles round") {
  // x has 24 bits below 1, the centre 24 bits below 2^-35: their difference needs up to 59, and the oracle's type has
  // 64
  static_assert(std::numeric_limits<long double>::digits >= 64);
  std::mt19937 random(11);
  std::uniform_real_distribution<float> uniform(0.5F, 1.0F);
  int inside = 0;
  for (int i = 0; i < 2000; ++i) {
    const float x = uniform(random);
    const float centre = std::ldexp(uniform(random), -35) * (random() % 2 == 0 ? 1.0F : -1.0F);
    const long double exact = std::fabs(static_cast<long double>(x) - static_cast<long double>(centre));
    const double radius = static_cast<double>(exact);  // rounded either way
    const bool wanted = exact <= static_cast<long double>(radius);
    CHECK(in_box(x, centre, radius) == wanted);
    CHECK(in_box(-x, -centre, radius) == wanted);
    CHECK_FALSE(in_box(x, centre, std::nextafter(radius, 0.0)));
    inside += wanted ? 1 : 0;
  }
  CHECK(inside > 500);
  CHECK(inside < 1500);
}

TEST_CASE("a counterexample without a witness is an error; one that overflows is one over the reals") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.5}, {0.5F, 0.5F});
  Verdicts none = counterexamples(q, {});
  none.rows[0].message = "from the solver";
  const Verdicts checked = with_checked_witnesses(none, pixels_as_scores(), q);
  CHECK(checked.rows[0].verdict == Verdict::error);
  CHECK(checked.rows[0].message == "counterexample refused: there is no witness; from the solver");

  std::vector<Layer> layers;
  for (int i = 0; i < 12; ++i)
    layers.push_back({"big", Linear{floats({2, 2}, {3e38F, 0, 0, 3e38F}), floats({2}, {0, 0}), {}}, {i}});
  const Verdicts overflow = with_checked_witnesses(counterexamples(q, {{0.5F, 1.0F}}), Network({2}, layers), q);
  CHECK(overflow.rows[0].verdict == Verdict::counterexample);
  CHECK(overflow.rows[0].message == "violates over the reals, but not in plain float32 inference");
}

TEST_CASE("labels the network does not have, and networks with one output, cannot be violated") {
  Instances q = question({.image = 5, .label = 3, .target = {}, .epsilon = 0.5}, {0.5F, 0.5F});
  CHECK_FALSE(replayed(q, {0.5F, 0.5F}).witness_checked);
  q.rows[0] = {.image = 5, .label = 0, .target = 3, .epsilon = 0.5};
  CHECK_FALSE(replayed(q, {0.5F, 0.5F}).witness_checked);
  q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.5}, {0.5F});
  const Network one({1}, {{"relu", Relu{}, {0}}});
  CHECK_FALSE(with_checked_witnesses(counterexamples(q, {{0.5F}}), one, q).rows[0].witness_checked);
}

TEST_CASE("the radius is the one the verdict is about, which the stage may have set") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.125}, {0.75F, 0.5F});
  Verdicts v = counterexamples(q, {{0.5F, 0.75F}});
  CHECK_FALSE(with_checked_witnesses(v, pixels_as_scores(), q).rows[0].witness_checked);
  v.rows[0].epsilon = 0.25;
  CHECK(with_checked_witnesses(v, pixels_as_scores(), q).rows[0].witness_checked);
}

TEST_CASE("only the replay says that a witness was checked, and only counterexamples are replayed") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.25}, {0.75F, 0.5F});
  Verdicts v = counterexamples(q, {});
  v.rows[0].verdict = Verdict::timeout;
  v.rows[0].witness_checked = true;
  const Verdicts checked = with_checked_witnesses(v, pixels_as_scores(), q);
  CHECK(checked.rows[0].verdict == Verdict::timeout);
  CHECK_FALSE(checked.rows[0].witness_checked);
}

TEST_CASE("verdicts that do not answer the instances are the stage's mistake") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.25}, {0.75F, 0.5F});
  const auto refused = [&](const std::function<void(Verdicts&)>& change) {
    Verdicts v = counterexamples(q, {{0.5F, 0.75F}});
    change(v);
    CHECK_THROWS_AS(with_checked_witnesses(v, pixels_as_scores(), q), Error);
  };
  refused([](Verdicts& v) { v.rows.clear(); });
  refused([](Verdicts& v) { v.rows[0].image = 6; });
  refused([](Verdicts& v) { v.rows[0].target = 1; });
  refused([](Verdicts& v) { v.witness_rows = {1}; });
  refused([](Verdicts& v) { v.witness_rows = {-1}; });
  refused([](Verdicts& v) { v.witness_rows = {0, 0}; });
  refused([](Verdicts& v) { v.witnesses = floats({1, 3}, {0, 0, 0}); });
  refused([](Verdicts& v) { v.witnesses = Tensor::of<std::int64_t>({1, 2}, {0, 0}); });
}

TEST_CASE("a witness may be of doubles, where no floats are one") {
  const Instances q = question({.image = 5, .label = 0, .target = {}, .epsilon = 0.25}, {0.75F, 0.5F});
  Verdicts v = counterexamples(q, {{0.5F, 0.75F}});
  v.witnesses = Tensor::of<double>({1, 2}, {0.625, 0.625 + 0x1p-40});
  CHECK(with_checked_witnesses(v, pixels_as_scores(), q).rows[0].witness_checked);
  v.witnesses = Tensor::of<double>({1, 2}, {0.625, 0.625 - 0x1p-40});
  CHECK_FALSE(with_checked_witnesses(v, pixels_as_scores(), q).rows[0].witness_checked);
}

TEST_CASE("what a solver tells of its work is stored and merged, row by row") {
  Verdicts told = some_verdicts();
  const std::vector<double> numbers(told.rows.size(), 12);
  told.numbers["integer_variables"] = numbers;
  CHECK(Verdicts::from_fields(told.to_fields()).numbers == told.numbers);
  const Verdicts silent = some_verdicts();
  CHECK(!silent.to_fields().has("number_names"));
  const std::size_t rows = silent.rows.size();
  const Verdicts all = Verdicts::merge(std::vector<const Verdicts*>{&silent, &told, &silent});
  const std::vector<double>& merged = all.numbers.at("integer_variables");
  REQUIRE(merged.size() == 3 * rows);
  for (std::size_t i = 0; i < merged.size(); ++i) {
    if (i / rows == 1) CHECK(merged[i] == 12);
    if (i / rows != 1) CHECK(std::isnan(merged[i]));
  }
  told.numbers["subproblems"] = {1};
  CHECK_THROWS_AS(told.to_fields(), Error);
}

TEST_CASE("verdicts are stored, counted and merged") {
  const Verdicts v = some_verdicts();
  const Verdicts again = Verdicts::from_fields(v.to_fields());
  CHECK(again.rows[0].bound == 0.25);
  CHECK_FALSE(again.rows[0].target);
  CHECK(again.rows[1].target == 2);
  CHECK(again.rows[1].witness_checked);
  CHECK(std::isnan(again.rows[2].bound));
  CHECK(again.rows[2].message == v.rows[2].message);
  CHECK(again.witnesses == v.witnesses);
  CHECK(v.counts() == std::array<std::int64_t, 5>{1, 1, 0, 0, 1});

  Verdicts without = v;
  without.witnesses = Tensor();
  without.witness_rows.clear();
  const std::vector<const Verdicts*> parts{&v, &without, &v};
  const Verdicts all = Verdicts::merge(parts);
  CHECK(all.rows.size() == 9);
  CHECK(all.witness_rows == std::vector<std::int64_t>{1, 7});
  CHECK(all.witnesses == floats({2, 2}, {0.5F, 0.25F, 0.5F, 0.25F}));
  CHECK(all.solver == v.solver);
  Verdicts other = v;
  other.solver = "another";
  CHECK_THROWS_AS(Verdicts::merge(std::vector<const Verdicts*>{&v, &other}), Error);
  other = v;
  other.witnesses = floats({1, 3}, {0, 0, 0});
  CHECK_THROWS_AS(Verdicts::merge(std::vector<const Verdicts*>{&v, &other}), Error);
  CHECK_THROWS_AS(Verdicts::merge({}), Error);
}

TEST_CASE("the numbers of verdicts never change: they are in files") {
  CHECK(static_cast<int>(Verdict::robust) == 0);
  CHECK(static_cast<int>(Verdict::counterexample) == 1);
  CHECK(static_cast<int>(Verdict::unknown) == 2);
  CHECK(static_cast<int>(Verdict::timeout) == 3);
  CHECK(static_cast<int>(Verdict::error) == 4);
  CHECK(to_text(Verdict::timeout) == "timeout");
}

TEST_CASE("instances are stored and cut into shards") {
  const Instances q = some_instances();
  const Instances again = Instances::from_fields(q.to_fields());
  CHECK(again.rows[1].target == 2);
  CHECK_FALSE(again.rows[2].target);
  CHECK(again.rows[0].epsilon == 0.1);
  CHECK(again.centres == q.centres);
  CHECK(again.clip_high == 1);
  const Instances shard = q.slice(1, 3);
  CHECK(shard.rows.size() == 2);
  CHECK(shard.rows[0].image == 4);
  CHECK(shard.centres == floats({2, 2}, {1, 0.25F, 0.75F, 0.125F}));
  CHECK(q.slice(3, 3).rows.empty());
  CHECK_THROWS_AS(q.slice(2, 4), Error);

  const auto refused = [](const std::function<void(Instances&)>& change) {
    Instances bad = some_instances();
    change(bad);
    CHECK_THROWS_AS(bad.to_fields(), Error);
  };
  refused([](Instances& b) { b.rows[0].epsilon = -1; });
  refused([](Instances& b) { b.rows[0].epsilon = kNan; });
  refused([](Instances& b) { b.rows[0].epsilon = kInfinity; });
  refused([](Instances& b) { b.rows[1].target = b.rows[1].label; });
  refused([](Instances& b) { b.rows[0].label = -2; });
  refused([](Instances& b) { b.clip_low = kNan; });
  refused([](Instances& b) { b.clip_low = 2; });
  refused([](Instances& b) { b.rows.pop_back(); });
  refused([](Instances& b) { b.centres = floats({3, 1}, {0, std::nanf(""), 0}); });
}

TEST_CASE("attacks are stored; robustness counts misclassified images as not robust") {
  const Attacks a = some_attacks();
  const Attacks again = Attacks::from_fields(a.to_fields());
  CHECK(again.rows[0].found);
  CHECK(again.rows[0].adversarial_class == 2);
  CHECK(again.rows[1].margin == 0.25);
  CHECK(again.points == a.points);
  CHECK(again.method == "fgsm");
  // Of four images one was misled and one was wrong from the start (Guidotti et al. 2020, tables 2 and 3).
  CHECK(a.robustness() == 0.5);
  CHECK_THROWS_AS(Attacks().robustness(), Error);
}

TEST_CASE("metrics may have any names") {
  Metrics m;
  m.values = {{"accuracy / test", 0.98}, {"loss", kNan}};
  m.series = {{"loss per epoch", {2, 1, 0.5}}, {"none", {}}};
  const Metrics again = Metrics::from_fields(m.to_fields());
  CHECK(again.values.at("accuracy / test") == 0.98);
  CHECK(std::isnan(again.values.at("loss")));
  CHECK(again.series == m.series);
  CHECK(Metrics::from_fields(Metrics().to_fields()).values.empty());
  for (const auto& names : {std::vector<std::string>{"b", "a"}, std::vector<std::string>{"a", "a"}}) {
    Fields bad;
    bad.set("value_names", names);
    bad.set("values", Tensor::of<double>({2}, {1, 2}));
    bad.set("series_names", std::vector<std::string>{});
    CHECK_THROWS_AS(Metrics::from_fields(bad), Error);
  }
}

TEST_CASE("results survive damaged fields") {
  espalier::testing::check_survives_damage(some_verdicts(), 1000);
  espalier::testing::check_survives_damage(some_attacks());
  espalier::testing::check_survives_damage(some_instances());
  Metrics m;
  m.values = {{"a", 1}, {"b", 2}};
  m.series = {{"c", {1, 2}}, {"d", {3}}};
  espalier::testing::check_survives_damage(m);
}
