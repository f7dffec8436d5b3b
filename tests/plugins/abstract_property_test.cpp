// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/property.hpp>
#include <espalier/replay.hpp>
#include <espalier/results.hpp>

#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity();

/// y0 = max(0, x0 - x1), y1 = max(0, x1 - x0).
Network differences() {
  NetworkBuilder builder({2});
  builder.linear({{1, -1}, {-1, 1}}, {0, 0});
  builder.add(Relu{});
  return builder.build();
}

Property in_unit_box(std::vector<std::vector<OutputConstraint>> cases, std::int64_t inputs, std::int64_t outputs) {
  Property p;
  p.inputs = inputs;
  p.outputs = outputs;
  const auto size = static_cast<std::size_t>(inputs);
  p.boxes = {{std::vector<double>(size, 0), std::vector<double>(size, 1)}};
  for (auto& constraints : cases) p.cases.push_back({.box = 0, .constraints = std::move(constraints)});
  return p;
}

struct Decided {
  Verdicts verdicts;
  Metrics metrics;
  const Verdicts::Row& row() const { return verdicts.rows.at(0); }
};

Decided decide(const Network& network, const Property& property) {
  StageBench bench("abstract.property");
  bench.give("network", network).give("property", property).run();
  Decided decided{bench.result<Verdicts>("verdicts"), bench.result<Metrics>("metrics")};
  CHECK(decided.metrics.values.at("rigorous") == 1);
  const Verdicts checked = with_checked_witnesses(decided.verdicts, network, property);
  CHECK(checked.rows[0].verdict == decided.row().verdict);
  CHECK(checked.rows[0].witness_checked == (decided.row().verdict == Verdict::counterexample));
  return decided;
}

OutputConstraint at_most(std::int64_t output, double limit) {
  return {.terms = {{output, 1}}, .limit = limit};
}
OutputConstraint at_least(std::int64_t output, double limit) {
  return {.terms = {{output, -1}}, .limit = -limit};
}

}  // namespace

TEST_CASE("a property that cannot hold is unsat, one that can is sat with a witness, one in between unknown") {
  const Network network = differences();
  const Decided unsat = decide(network, in_unit_box({{at_least(0, 1.5)}}, 2, 2));
  CHECK(unsat.row().verdict == Verdict::robust);
  CHECK(unsat.row().bound == doctest::Approx(0.5));
  CHECK(unsat.row().bound <= 0.5);
  const Decided sat = decide(network, in_unit_box({{at_least(0, 1)}}, 2, 2));  // at (1, 0) alone
  CHECK(sat.row().verdict == Verdict::counterexample);
  CHECK(sat.verdicts.witnesses.to_doubles() == std::vector<double>{1, 0});
  // Both outputs positive: impossible, but not for single linear bounds.
  CHECK(decide(network, in_unit_box({{at_least(0, 0.25), at_least(1, 0.25)}}, 2, 2)).row().verdict == Verdict::unknown);
}

TEST_CASE("one impossible constraint makes a case impossible; every case must be impossible") {
  const Network network = differences();
  CHECK(decide(network, in_unit_box({{at_most(0, 5), at_least(1, 2)}}, 2, 2)).row().verdict == Verdict::robust);
  CHECK(decide(network, in_unit_box({{at_least(0, 2)}, {at_least(1, 2)}}, 2, 2)).row().verdict == Verdict::robust);
  CHECK(decide(network, in_unit_box({{at_least(0, 2)}, {at_most(1, 2)}}, 2, 2)).row().verdict ==
        Verdict::counterexample);
  CHECK(decide(network, in_unit_box({{at_least(0, 2)}, {}}, 2, 2)).row().verdict == Verdict::counterexample);
  const Decided nothing = decide(network, in_unit_box({}, 2, 2));
  CHECK(nothing.row().verdict == Verdict::robust);
  CHECK(nothing.row().bound == kInfinity);
}

TEST_CASE("boxes: each has its cases; empty ones hold nothing, unbounded ones are not decided") {
  const Network network = differences();
  Property p = in_unit_box({{at_least(0, 2)}}, 2, 2);
  p.boxes.push_back({.low = {3, 0}, .high = {4, 1}});
  p.cases.push_back({.box = 1, .constraints = {at_most(0, 1.5)}});
  const Decided both = decide(network, p);
  CHECK(both.row().verdict == Verdict::robust);
  CHECK(both.metrics.values.at("subproblems") == 2);
  p.cases[1].constraints = {at_most(0, 2)};
  CHECK(decide(network, p).verdicts.witnesses.to_doubles() == std::vector<double>{3, 1});
  p.boxes[1].low[0] = 5;  // now above its upper bound
  CHECK(decide(network, p).row().verdict == Verdict::robust);
  p.boxes[1] = {.low = {-kInfinity, 0}, .high = {1, 1}};
  p.cases[1].constraints = {at_least(1, 100)};
  CHECK(decide(network, p).row().verdict == Verdict::unknown);
}

TEST_CASE("a bound that equals its limit proves nothing, and limits count as decimals") {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  const Network identity = builder.build();
  const Property point{[] {
    Property p = in_unit_box({{at_most(0, 0.1)}}, 1, 1);
    p.boxes[0] = {.low = {std::nextafter(0.1, 1)}, .high = {0.5}};
    return p;
  }()};
  // x >= 0.1 and a little, y <= 0.1: the doubles exclude each other, but decimals beside them need not.
  CHECK(decide(identity, point).row().verdict == Verdict::unknown);
  Property thin = in_unit_box({{at_least(0, 0.1)}}, 1, 1);
  thin.boxes[0] = {.low = {0.1}, .high = {0.1}};  // no float lies in it
  const Decided sat = decide(identity, thin);
  CHECK(sat.row().verdict == Verdict::counterexample);
  CHECK(sat.verdicts.witnesses.dtype() == DType::f64);
}

TEST_CASE("no answer is contradicted by a sample, on random networks and properties") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> draw(-1, 1);
  std::array<int, kVerdictCount> seen{};
  for (int round = 0; round < 200; ++round) {
    const Network network = round % 10 == 0 ? random_residual(random) : random_dense({3, 8, 8, 8, 3}, 1, random);
    Property p = in_unit_box({}, element_count(network.input_shape()), 3);
    for (std::size_t i = 0; i < p.boxes[0].low.size(); ++i) {
      p.boxes[0].low[i] = draw(random);
      p.boxes[0].high[i] = p.boxes[0].low[i] + 1.5 * std::abs(draw(random));
    }
    for (int c = 0; c < 2; ++c) {
      OutputConstraint one{.terms = {{0, draw(random)}, {1, draw(random)}, {2, 1}}, .limit = draw(random)};
      p.cases.push_back({.box = 0, .constraints = {one, at_least(c, draw(random))}});
    }
    const Verdict verdict = decide(network, p).row().verdict;
    ++seen[static_cast<std::size_t>(verdict)];
    for (int sample = 0; sample < 40 && verdict == Verdict::robust; ++sample) {
      std::vector<double> x;
      for (std::size_t i = 0; i < p.boxes[0].low.size(); ++i) {
        const double share = (draw(random) + 1) / 2;
        x.push_back(std::lerp(p.boxes[0].low[i], p.boxes[0].high[i], share));
      }
      CHECK(replay(network, x, p).over_reals == Holds::no);
    }
  }
  CHECK(seen[static_cast<std::size_t>(Verdict::robust)] > 20);
  CHECK(seen[static_cast<std::size_t>(Verdict::counterexample)] > 20);
  CHECK(seen[static_cast<std::size_t>(Verdict::unknown)] > 0);
}

TEST_CASE("a property of another network is refused, and a stop is obeyed") {
  StageBench bench("abstract.property");
  bench.give("network", differences()).give("property", in_unit_box({{at_least(0, 2)}}, 3, 2));
  CHECK_THROWS_AS(bench.run(), Error);
  StageBench stopped("abstract.property");
  stopped.give("network", differences()).give("property", in_unit_box({{at_least(0, 2)}}, 2, 2));
  stopped.request_stop();
  CHECK_THROWS_AS(stopped.run(), Error);
}
