// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "abstract/question.hpp"
#include "tightening.hpp"
#include "tree.hpp"

namespace espalier::linear {

struct Method {
  Tightening tightening = Tightening::lp;
  Branching branching = Branching::influence;
};

/// Answers questions about one network, whatever it takes: DeepPoly, a descent, and for every class that may still win
/// a search over the phases of the neurons. Borrows the network.
class CompleteVerifier {
 public:
  CompleteVerifier(const Network& network, Method method) : verifier_(network), method_(method) {}

  /// `robust` only on certified bounds above 0 that cover the box; `timeout` when `patience.all` ended it. Needs: as
  /// abstract::Verifier.
  abstract::Answer answer(const abstract::Question& question, const Patience& patience) const;
  const abstract::Verifier& incomplete() const { return verifier_; }

 private:
  abstract::Verifier verifier_;
  Method method_;
};

}  // namespace espalier::linear
