// SPDX-License-Identifier: Apache-2.0
// Every verifier before the judge: random tiny questions whose answers are known exactly. A line a stage.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/exact_minimum.hpp"
#include "support/judge.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

Tally judged(const std::string& stage, int usual) {
  const Tally tally = judge_robustness(stage_answers(stage), soundness_questions(usual));
  MESSAGE(stage << ": " << tally.text());
  CHECK_MESSAGE(tally.faults.empty(), tally.fault_text());
  return tally;
}

Tally judged_properties(const std::string& stage, int usual) {
  const Tally tally = judge_properties(property_stage_answers(stage), soundness_questions(usual));
  MESSAGE(stage << ": " << tally.text());
  CHECK_MESSAGE(tally.faults.empty(), tally.fault_text());
  return tally;
}

/// Corners by another way: brute force over where neurons change sign (exact_minimum.hpp).
Wide smallest_by_corners(const RobustnessQuestion& q) {
  const ExactBox box = exact_box(q.centre, q.epsilon, 0, 1);
  const auto points =
      box.low.size() == 1 ? corners_in_one_dimension(q.network, box) : corners_in_two_dimensions(q.network, box);
  return smallest_margin(q.network, static_cast<std::size_t>(q.label), points);
}

bool has_few_pieces(const Network& network) {
  const auto inputs = element_count(network.input_shape());
  const auto hidden =
      std::ranges::count_if(network.layers(), [](const Layer& l) { return l.op.index() == Op(Relu{}).index(); });
  return inputs == 1 || (inputs == 2 && hidden <= 1);
}

/// Points of a grid over a box.
std::vector<std::vector<double>> grid(const Property::Box& box, int steps) {
  std::vector<std::vector<double>> points{{}};
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    std::vector<std::vector<double>> longer;
    for (const auto& point : points) {
      for (int k = 0; k <= steps; ++k) {
        longer.push_back(point);
        longer.back().push_back(std::min(box.high[i], box.low[i] + (box.high[i] - box.low[i]) * k / steps));
      }
    }
    points = std::move(longer);
  }
  return points;
}

}  // namespace

TEST_CASE("abstract stages are never wrong") {
  CHECK(judged("abstract.intervals", 400).robust > 50);
  CHECK(judged("abstract.deeppoly", 400).robust > 50);
  CHECK(judged_properties("abstract.property", 400).robust > 50);
}

TEST_CASE("crown is never wrong, and leaves little open") {
  const int usual = 1000;
  const Tally robustness = judged("crown.verify", usual);
  CHECK(robustness.robust > 400);
  // A margin below what doubles between two floats can tell has no witness; everything else is decided.
  CHECK(robustness.missed_robust == 0);
  CHECK(robustness.missed_violations * 100 <= soundness_questions(usual));
  // Properties have to hold for all decimals that their numbers are nearest to, so those that just hold stay open.
  const Tally properties = judged_properties("crown.property", 400);
  CHECK(properties.robust > 80);
  CHECK(properties.missed_violations * 20 <= soundness_questions(400));
}

TEST_CASE("the judge's smallest margin is that of brute force") {
  std::mt19937 random(5);
  int compared = 0;
  for (int i = 0; i < 300; ++i) {
    RobustnessQuestion q = random_robustness_question(random);
    q.target = {};
    if (!has_few_pieces(q.network)) continue;
    ++compared;
    const Wide wanted = smallest_by_corners(q);
    const Fraction found = q.smallest_margin();
    // 600 bits are not exact where an edge is cut: off by far less than anything else.
    const Wide size = abs(wanted) + Wide(1e-100);
    CHECK(abs(Wide(found.to_double()) - wanted) <= size * Wide(1e-15));
    if (abs(wanted) > Wide(1e-100)) CHECK(found.sign() == (wanted > 0 ? 1 : -1));
  }
  CHECK(compared > 150);
}

TEST_CASE("the judge calls a property possible wherever a point of a grid shows it") {
  std::mt19937 random(6);
  int shown = 0;
  int impossible = 0;
  for (int i = 0; i < 200; ++i) {
    const PropertyQuestion q = random_property_question(random);
    const bool possible = q.can_happen();
    impossible += possible ? 0 : 1;
    for (const Property::Box& box : q.property.boxes) {
      for (const auto& point : grid(box, 4)) {
        if (replay(q.network, point, q.property).over_reals != Holds::yes) continue;
        ++shown;
        CHECK(possible);
      }
    }
  }
  CHECK(shown > 200);
  CHECK(impossible > 20);
}

TEST_CASE("the judge finds out every wrong answer, however small the margin") {
  int asked = 0;
  std::size_t lies = 0;
  const Tally robust = judge_robustness(
      [&](const RobustnessQuestion& q) {
        const bool violated = q.smallest_margin().sign() <= 0;
        const bool lie = violated && ++asked % 3 == 0;
        lies += lie ? 1 : 0;
        return Judged{.verdict = violated && !lie ? Verdict::unknown : Verdict::robust};
      },
      300);
  CHECK(lies > 20);
  CHECK(robust.faults.size() == lies);
  const Tally points = judge_robustness(
      [&](const RobustnessQuestion& q) {
        return Judged{.verdict = Verdict::counterexample,
                      .witness = std::vector<double>(q.centre.begin(), q.centre.end())};
      },
      100);
  CHECK(points.faults.size() > 50);  // few centres are violations
  const Tally properties =
      judge_properties([](const PropertyQuestion&) { return Judged{.verdict = Verdict::robust}; }, 300);
  CHECK(properties.faults.size() > 50);
  CHECK(properties.faults.size() < 250);
}
