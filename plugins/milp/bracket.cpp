// SPDX-License-Identifier: Apache-2.0
// The smallest distortion that changes an answer (Tjeng, Xiao & Tedrake 2019, equation 12; Guidotti et al. 2020), by
// bisection: every step is a question that the search answers, so both ends of the bracket are as certain as a verdict.
// A program with the distortion as its objective would have to relax the network over the largest box at once.
#include "bracket.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "ends.hpp"

namespace espalier::milp {
namespace {

using abstract::Answer;
using abstract::Box;

/// How far the witness is from the centre, rounded up; infinite when a number of it is none.
double distance(std::span<const float> witness, std::span<const float> centre) {
  double largest = 0;
  for (std::size_t i = 0; i < witness.size(); ++i) {
    const double far = abstract::sum_up(std::max(witness[i], centre[i]), -std::min(witness[i], centre[i]));
    if (!std::isfinite(far)) return HUGE_VAL;
    largest = std::max(largest, far);
  }
  return largest;
}

class Bisection {
 public:
  Bisection(const linear::CompleteVerifier& verifier, const Quest& quest, const abstract::Used& used)
      : verifier_(verifier), quest_(quest), used_(used), ends_(quest.largest, quest.tolerance) {}

  Bracket run() {
    ends_.proven(quest_.proven);
    for (const std::span<const float> point : quest_.points) {
      if (!has_time()) break;
      try_point(point);
    }
    if (!(ends_.low() > 0)) ask(0);
    while (has_time()) {
      const auto radius = ends_.next();
      if (!radius) break;
      ask(*radius);
    }
    return {.low = ends_.low(), .high = ends_.high(), .narrow = ends_.narrow(), .witness = std::move(witness_)};
  }

 private:
  bool has_time() const { return used_() < 1; }

  void ask(double epsilon) {
    const Box box(quest_.centre, epsilon, quest_.clip);
    const double begin = used_();
    // Half of the time that is left, so that a radius too hard to decide leaves some for others.
    const Answer answer = verifier_.answer(question_in(box), linear::patience_of(used_, begin + (1 - begin) / 2));
    if (answer.verdict == Verdict::robust) {
      ends_.proven(epsilon);
    } else if (answer.verdict == Verdict::counterexample) {
      shrink(*answer.witness);
    } else {
      ends_.unanswered(epsilon);
    }
  }

  abstract::Question question_in(const Box& box) const {
    return {.label = quest_.label, .target = quest_.target, .box = &box};
  }

  /// What an attack found, if it is as said.
  void try_point(std::span<const float> point) {
    if (!(distance(point, quest_.centre) <= quest_.largest)) return;
    const Box box(quest_.centre, quest_.largest, quest_.clip);
    const std::vector<double> exact(point.begin(), point.end());
    const auto found = verifier_.incomplete().counterexample_near(question_in(box), exact);
    if (found) shrink(*found->witness);
  }

  /// Towards the centre, as far as the witness stays one.
  void shrink(const std::vector<float>& witness) {
    keep(witness);
    double wrong = 1;
    double right = 0;
    for (int step = 0; step < kSteps && has_time(); ++step) {
      const double share = (wrong + right) / 2;
      std::vector<double> point;
      for (std::size_t i = 0; i < witness.size(); ++i) {
        point.push_back(quest_.centre[i] + share * (double{witness[i]} - quest_.centre[i]));
      }
      const Box box(quest_.centre, ends_.high(), quest_.clip);
      const auto found = verifier_.incomplete().counterexample_near(question_in(box), point);
      (found ? wrong : right) = share;
      if (found) keep(*found->witness);
    }
  }

  void keep(const std::vector<float>& witness) {
    const double d = distance(witness, quest_.centre);
    if (quest_.proven > 0 && d <= quest_.proven) {
      throw Error(
          Code::request,
          fmt::format("an image of label {} has a distorted one {} away, borne out by a replay, but {} is given as "
                      "its proven radius",
                      quest_.label, d, quest_.proven),
          "give radii that were proven of the same network, image and clip; if they were, what proved them is wrong");
    }
    if (ends_.low() > 0 && d <= ends_.low()) {
      throw Error(Code::internal,
                  fmt::format("an image of label {} is robust up to {}, and has a distorted one {} away", quest_.label,
                              ends_.low(), d));
    }
    if (witness_ && d >= ends_.high()) return;
    ends_.found(d);
    witness_ = witness;
  }

  static constexpr int kSteps = 12;
  const linear::CompleteVerifier& verifier_;
  const Quest& quest_;
  const abstract::Used& used_;
  Ends ends_;
  std::optional<std::vector<float>> witness_;
};

}  // namespace

Bracket smallest_distortion(const linear::CompleteVerifier& verifier, const Quest& quest, const abstract::Used& used) {
  return Bisection(verifier, quest, used).run();
}

}  // namespace espalier::milp
