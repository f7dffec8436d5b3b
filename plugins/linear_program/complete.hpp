// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "abstract/question.hpp"
#include "mip_solver.hpp"
#include "tightening.hpp"

namespace espalier::linear {

struct Method {
  Tightening tightening = Tightening::lp;
  Branching branching = Branching::influence;
  bool descent = true;                                ///< looks for counterexamples by gradients too
  std::shared_ptr<const MipSolver> solver = nullptr;  ///< is asked first about what is left to a search; may be none
};

/// Answers questions about one network, whatever it takes: DeepPoly, a descent, and for every class that may still win
/// a search over the phases of the neurons. Borrows the network.
class CompleteVerifier {
 public:
  CompleteVerifier(const Network& network, Method method)
      : network_(network), verifier_(network), method_(std::move(method)) {}

  /// `robust` only on certified bounds above 0 that cover the box; `timeout` when `patience.all` ended it. Tells how
  /// many neurons DeepPoly left unstable; and of the search, if it came to one, how many its program had left to split
  /// (the integer variables of a MILP) and how many subproblems it solved. Needs: as abstract::Verifier.
  abstract::Answer answer(const abstract::Question& question, const Patience& patience) const;
  const abstract::Verifier& incomplete() const { return verifier_; }

 private:
  abstract::Answer search(const abstract::Question& question, const Patience& patience) const;

  const Network& network_;
  abstract::Verifier verifier_;
  Method method_;
};

}  // namespace espalier::linear
