// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "box.hpp"
#include "domains.hpp"
#include "graph.hpp"
#include "substitution.hpp"

namespace espalier::abstract {

enum class Domain : std::uint8_t { intervals, deeppoly };

/// Does the network score `label` above `target`, or above every other class, everywhere in the box?
struct Question {
  std::int64_t label = 0;
  std::optional<std::int64_t> target;
  const Box* box = nullptr;  ///< borrowed, not null
};

struct Answer {
  Verdict verdict = Verdict::unknown;
  double bound = 0;  ///< certified lower bound of the margin over the box; -infinity when none
  std::string message;
  std::optional<std::vector<float>> witness;             ///< with `counterexample`
  std::optional<std::vector<double>> fine_witness = {};  ///< in place of `witness` where no floats are one
  std::map<std::string, double> numbers = {};            ///< what is told of the work, see Verdicts::numbers
};

/// How many inputs of ReLUs may have either sign.
std::int64_t unstable_neurons(const Relaxation& relaxation);

/// The classes that may not win: the target, or all but the label, in their order. Never empty, as what holds of no
/// class would be called robust: throws Error(request) when the label or the target is none of `classes` or both are
/// one.
std::vector<std::int64_t> rivals(const Question& question, std::int64_t classes);

/// What has to be above 0 everywhere: label score - other score, for every rival. In the order of classes.
std::vector<Row> margin_rows(const Graph& graph, const Question& question);

/// What a certified bound of the margins says about single precision, see float32.hpp. Needs: the relaxation is a
/// complete one of the network in the question's box.
std::string float32_note(double bound, const Network& network, const Relaxation& relaxation, const Question& question);

/// Answers questions about one network. Borrows it.
class Verifier {
 public:
  explicit Verifier(const Network& network) : network_(network), graph_(network) {}

  const Graph& graph() const { return graph_; }
  /// `robust` only on a certified bound above 0; `timeout` only when told to end before it had one. DeepPoly tells how
  /// many neurons it left unstable. Needs: the box has the size of the network's input, label and target are classes
  /// and differ.
  Answer answer(const Question& question, Domain domain, const MayContinue& may_continue) const;
  /// A counterexample when the nearest point of the box is one, replayed.
  std::optional<Answer> counterexample_near(const Question& question, std::span<const double> point) const;
  /// Whether a point of doubles lies in the box and is a violation over the reals.
  bool is_counterexample(const Question& question, const std::vector<double>& point) const;

 private:
  const Network& network_;
  Graph graph_;
};

}  // namespace espalier::abstract
