// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <abstract/answers.hpp>
#include <abstract/question.hpp>

#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "exact_numbers.hpp"
#include "goal.hpp"
#include "solve.hpp"

namespace espalier::crown {

struct Decision {
  Verdict verdict = Verdict::unknown;
  /// Certified: everywhere in the box, in every case, some goal exceeds its threshold by more than this; -infinity when
  /// nothing is known. Not below 0 with `robust`.
  double bound = -HUGE_VAL;
  std::int64_t subproblems = 0;
  std::string message;
  std::optional<std::vector<double>> witness;  ///< with `counterexample`: replayed, a violation over the reals
};

/// Decides questions about one network; borrows it. Throws Error(stopped) when `used` does, which several threads ask.
class Verifier {
 public:
  /// `memory`: bytes that open parts of a search may take; then it goes on with those that are nearest to their proof.
  explicit Verifier(const Network& network, std::size_t memory = kDefaultMemory, const Device& device = {})
      : network_(network),
        robustness_(network),
        numbers_(network, robustness_.graph()),
        memory_(memory),
        device_(device) {}

  /// Needs: what abstract::Verifier::answer needs.
  Decision decide(const abstract::Question& question, int threads, const abstract::Used& used) const;
  /// `robust` holds for the doubles of the property and for any decimals they are nearest to. Needs: the property fits
  /// the network. `proof`: keeps why; null: nobody asks. With it, networks of few inputs are searched by phases, too.
  Decision decide(const Property& property, int threads, const abstract::Used& used,
                  ProofRecorder* proof = nullptr) const;

  const abstract::Graph& graph() const { return robustness_.graph(); }

 private:
  const Network& network_;
  abstract::Verifier robustness_;
  ExactNumbers numbers_;
  std::size_t memory_;
  Device device_;
};

}  // namespace espalier::crown
