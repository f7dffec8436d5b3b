// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <espalier/fit.hpp>
#include <espalier/plugin.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "question.hpp"

namespace espalier::abstract {

// What all verifiers of robustness have in common: ports, parameters, and the way from questions to verdicts.

struct VerifyParams {
  double epsilon = 0;
  double budget_s = 0;
};

inline constexpr const char* kVerdictsDoc = "one answer a question, with a certified bound of the margin";

/// Describes the ports and the radius of a verifier; P is derived from VerifyParams, or is it.
template <class P>
StageBuilder<P> describe_questions(StageBuilder<P> stage, const char* verdicts = kVerdictsDoc) {
  stage.repeatable(Repeatable::budgeted)
      .template input<Network>("network", "the network to be proven")
      .template input<Instances>("instances", "the questions; their own epsilons are not used")
      .template output<Verdicts>("verdicts", verdicts)
      .param("epsilon", static_cast<double P::*>(&P::epsilon),
             "radius of every question, in pixel units, in place of its own")
      .required()
      .at_least(0);
  return stage;
}

/// The same for one that keeps a time limit.
template <class P>
StageBuilder<P> describe_verifier(StageBuilder<P> stage, const char* verdicts = kVerdictsDoc) {
  return describe_questions(stage, verdicts)
      .param("budget_s", static_cast<double P::*>(&P::budget_s),
             "seconds a question may take before it is a timeout; 0: no limit")
      .at_least(0);
}

/// The share of a question's time that is used: 1 ends it, and it stays 0 without a limit. Throws when the run is
/// stopped.
using Used = std::function<double()>;
/// Starts now. The context is borrowed.
Used clock_of(Context& ctx, double budget_s);

using Answerer = std::function<Answer(const Question&, const Used&)>;

/// Asks about every instance of the stage's inputs, one after the other. Throws Error when they do not fit the network.
Verdicts answer_all(std::string solver, const VerifyParams& params, Context& ctx, const Answerer& answerer);

struct PropertyVerdict {
  Verdict verdict = Verdict::unknown;
  double bound = 0;
  std::string message;
  std::optional<std::vector<double>> witness;  ///< with `counterexample`
  double seconds = 0;
};

/// The one row that the verdict on a property is.
Verdicts verdict_on_property(std::string solver, double budget_s, const Network& network, PropertyVerdict verdict);

}  // namespace espalier::abstract
