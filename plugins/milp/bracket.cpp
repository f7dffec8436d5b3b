// SPDX-License-Identifier: Apache-2.0
// The smallest distortion that changes an answer (Tjeng, Xiao & Tedrake 2019, equation 12; Guidotti et al. 2020), by
// bisection: every step is a question that the search answers, so both ends of the bracket are as certain as a verdict.
// A program with the distortion as its objective would have to relax the network over the largest box at once.
#include "bracket.hpp"

#include <algorithm>

namespace espalier::milp {
namespace {

using abstract::Answer;
using abstract::Box;

/// How far the witness is from the centre, rounded up.
double distance(std::span<const float> witness, std::span<const float> centre) {
  double largest = 0;
  for (std::size_t i = 0; i < witness.size(); ++i) {
    largest = std::max(largest, abstract::sum_up(std::max(witness[i], centre[i]), -std::min(witness[i], centre[i])));
  }
  return largest;
}

class Bisection {
 public:
  Bisection(const linear::CompleteVerifier& verifier, const Quest& quest) : verifier_(verifier), quest_(quest) {}

  Bracket run(const abstract::Used& used) {
    ask(0, used);
    double next = quest_.largest;
    while (bracket_.high - bracket_.low > quest_.tolerance && bracket_.low < quest_.largest && used() < 1) {
      ask(next, used);
      next = bracket_.low + (std::min(bracket_.high, unanswered_) - bracket_.low) / 2;
      if (!(next > bracket_.low)) break;
    }
    return bracket_;
  }

 private:
  void ask(double epsilon, const abstract::Used& used) {
    const Box box(quest_.centre, epsilon, quest_.clip);
    const double begin = used();
    // Half of the time that is left, so that a radius too hard to decide leaves some for smaller ones.
    const Answer answer = verifier_.answer({.label = quest_.label, .target = quest_.target, .box = &box},
                                           linear::patience_of(used, begin + (1 - begin) / 2));
    if (answer.verdict == Verdict::robust) {
      bracket_.low = epsilon;
    } else if (answer.verdict == Verdict::counterexample) {
      shrink(*answer.witness);
    } else {
      unanswered_ = epsilon;
    }
  }

  /// Towards the centre, as far as the witness stays one.
  void shrink(const std::vector<float>& witness) {
    keep(witness);
    double wrong = 1;
    double right = 0;
    for (int step = 0; step < kSteps; ++step) {
      const double share = (wrong + right) / 2;
      std::vector<double> point;
      for (std::size_t i = 0; i < witness.size(); ++i) {
        point.push_back(quest_.centre[i] + share * (double{witness[i]} - quest_.centre[i]));
      }
      const Box box(quest_.centre, bracket_.high, quest_.clip);
      const auto found = verifier_.incomplete().counterexample_near(
          {.label = quest_.label, .target = quest_.target, .box = &box}, point);
      (found ? wrong : right) = share;
      if (found) keep(*found->witness);
    }
  }

  void keep(const std::vector<float>& witness) {
    const double d = distance(witness, quest_.centre);
    if (bracket_.witness && d >= bracket_.high) return;
    bracket_.high = d;
    bracket_.witness = witness;
  }

  static constexpr int kSteps = 12;
  const linear::CompleteVerifier& verifier_;
  const Quest& quest_;
  Bracket bracket_;
  double unanswered_ = HUGE_VAL;
};

}  // namespace

Bracket smallest_distortion(const linear::CompleteVerifier& verifier, const Quest& quest, const abstract::Used& used) {
  return Bisection(verifier, quest).run(used);
}

}  // namespace espalier::milp
