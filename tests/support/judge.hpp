// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <espalier/replay.hpp>
#include <espalier/results.hpp>

#include "support/random_questions.hpp"
#include "support/stage_bench.hpp"

// The judge of verifiers: random questions (random_questions.hpp), exact truths (exact_cells.hpp).
namespace espalier::testing {

/// How many questions to ask: $ESPALIER_SOUNDNESS_NETS when it is set (10000 before a release), else `usual`.
inline int soundness_questions(int usual) {
  const char* wanted = std::getenv("ESPALIER_SOUNDNESS_NETS");
  return wanted == nullptr ? usual : std::atoi(wanted);
}

/// A verifier's answer to any question. `witness` comes with `counterexample`.
struct Judged {
  Verdict verdict = Verdict::unknown;
  double bound = -HUGE_VAL;  ///< of the margin; not of properties
  std::optional<std::vector<double>> witness = {};
  std::string message = {};
};
using AskRobustness = std::function<Judged(const RobustnessQuestion&)>;
using AskProperty = std::function<Judged(const PropertyQuestion&)>;

/// What a verifier answered, and every answer that was wrong.
struct Tally {
  int robust = 0;
  int counterexamples = 0;
  int missed_robust = 0;      ///< not decided, though nothing is violated
  int missed_violations = 0;  ///< not decided, though something is
  int ties = 0;               ///< questions whose smallest margin is exactly 0
  std::vector<std::string> faults;

  std::string text() const {
    return fmt::format("{} robust, {} counterexamples{}; not decided: {} robust, {} violated; wrong: {}", robust,
                       counterexamples, ties > 0 ? fmt::format(", {} ties among all", ties) : "", missed_robust,
                       missed_violations, faults.size());
  }
  /// The first faults, a line each.
  std::string fault_text() const {
    std::string text;
    for (std::size_t i = 0; i < faults.size() && i < 10; ++i) text += faults[i] + "\n";
    return text;
  }
  void count(const Judged& answer, bool violated, const std::string& question) {
    const auto wrong = [&](const std::string& why) { faults.push_back(question + ": " + why); };
    robust += answer.verdict == Verdict::robust;
    counterexamples += answer.verdict == Verdict::counterexample;
    if (answer.verdict == Verdict::robust && violated) wrong("robust, but it is violated");
    if (answer.verdict == Verdict::counterexample && !violated) wrong("a counterexample, but nothing is violated");
    if (answer.verdict == Verdict::counterexample && !answer.witness) wrong("a counterexample without a witness");
    if (answer.verdict == Verdict::error) wrong("error: " + answer.message);
    if (answer.verdict != Verdict::unknown && answer.verdict != Verdict::timeout) return;
    (violated ? missed_violations : missed_robust) += 1;
  }
};

/// Asks questions [0, count), each made from its own number, so that a fault can be had again alone.
template <class Question, class Judge>
Tally judge_all(int count, std::uint32_t seed, Question question, Judge judge) {
  Tally tally;
  for (int number = 0; number < count; ++number) {
    std::seed_seq numbers{seed, static_cast<std::uint32_t>(number)};
    std::mt19937 random(numbers);
    const auto q = question(random);
    judge(q, fmt::format("question {} ({})", number, q.what), tally);
  }
  return tally;
}

inline Tally judge_robustness(const AskRobustness& ask, int count, std::uint32_t seed = 1) {
  return judge_all(
      count, seed, random_robustness_question, [&](const RobustnessQuestion& q, const std::string& name, Tally& tally) {
        const Judged answer = ask(q);
        const Fraction margin = q.smallest_margin();
        tally.count(answer, margin.sign() <= 0, name);
        tally.ties += margin.sign() == 0;
        if (std::isnan(answer.bound) || (answer.bound > -HUGE_VAL && !(Fraction(answer.bound) <= margin))) {
          tally.faults.push_back(
              fmt::format("{}: bound {}, but the margin is {}", name, answer.bound, margin.to_double()));
        }
        if (!answer.witness) return;
        const std::vector<Fraction> point(answer.witness->begin(), answer.witness->end());
        const auto y = ExactNetwork<Fraction>(q.network).output(point);
        const bool violates = std::ranges::any_of(q.rivals(), [&](const OutputConstraint& rival) {
          return y[static_cast<std::size_t>(rival.terms[0].output)] <=
                 y[static_cast<std::size_t>(rival.terms[1].output)];
        });
        if (!q.box().contains(*answer.witness) || !violates) tally.faults.push_back(name + ": no witness");
      });
}

inline Tally judge_properties(const AskProperty& ask, int count, std::uint32_t seed = 1) {
  return judge_all(count, seed, random_property_question,
                   [&](const PropertyQuestion& q, const std::string& name, Tally& tally) {
                     const Judged answer = ask(q);
                     tally.count(answer, q.can_happen(), name);
                     if (answer.witness && replay(q.network, *answer.witness, q.property).over_reals != Holds::yes) {
                       tally.faults.push_back(name + ": no witness");
                     }
                   });
}

/// Asks a stage that answers Instances about a Network, the way the engine does: counterexamples are replayed. Stages
/// with a radius of their own are given the question's.
inline AskRobustness stage_answers(const std::string& stage, const ParamValues& params = {}) {
  return [stage, params](const RobustnessQuestion& q) {
    StageBench bench(stage);
    for (const auto& [name, value] : params) bench.set(name, value);
    const Instances instances = q.instances();
    bench.give("network", q.network).give("instances", instances);
    for (const ParamSpec& p : bench.stage().params) {
      if (p.name == "epsilon") bench.set("epsilon", q.epsilon);
    }
    const Verdicts verdicts = with_checked_witnesses(bench.run().result<Verdicts>("verdicts"), q.network, instances);
    const Verdicts::Row& row = verdicts.rows.at(0);
    Judged answer{.verdict = row.verdict, .bound = row.bound, .message = row.message};
    if (row.verdict == Verdict::counterexample) answer.witness = verdicts.witnesses.to_doubles();
    return answer;
  };
}

/// The same for stages that answer one Property about a Network.
inline AskProperty property_stage_answers(const std::string& stage) {
  return [stage](const PropertyQuestion& q) {
    StageBench bench(stage);
    // A tie along a face keeps a search halving boxes for ever; that it is then undecided is no fault.
    bench.set("budget_s", Value(0.25)).give("network", q.network).give("property", q.property);
    const Verdicts verdicts = with_checked_witnesses(bench.run().result<Verdicts>("verdicts"), q.network, q.property);
    const Verdicts::Row& row = verdicts.rows.at(0);
    Judged answer{.verdict = row.verdict, .bound = row.bound, .message = row.message};
    if (row.verdict == Verdict::counterexample) answer.witness = verdicts.witnesses.to_doubles();
    return answer;
  };
}

}  // namespace espalier::testing
