// SPDX-License-Identifier: Apache-2.0
#include "halves_proof.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include <abstract/box.hpp>

#include "solve.hpp"

namespace espalier::crown {
namespace {

/// Parts that a short search leaves open are halved: on few inputs, that pays sooner than more phases.
constexpr std::int64_t kMostDomains = 64;

/// How far the outputs move when one input goes from the middle of the box to its ends.
double influence(const Network& network, const InputBox& box, std::size_t input) {
  std::vector<double> x;
  for (std::size_t i = 0; i < box.low.size(); ++i) x.push_back(box.low[i] / 2 + box.high[i] / 2);
  const std::vector<double> middle = network.forward(x);
  double far = 0;
  for (const double end : {box.low[input], box.high[input]}) {
    x[input] = end;
    const std::vector<double> outputs = network.forward(x);
    for (std::size_t k = 0; k < outputs.size(); ++k) far += std::abs(outputs[k] - middle[k]);
  }
  return far;
}

/// Which input of a part of a box to halve: how much of it is left counts, times what it moves in the whole box. None
/// is left out: where outputs hardly move, bounds may still be wide.
class Halving {
 public:
  Halving(const Network& network, const InputBox& whole) {
    double most = 0;
    for (std::size_t i = 0; i < whole.low.size(); ++i) {
      weights_.push_back(influence(network, whole, i));
      most = std::max(most, weights_.back());
    }
    for (std::size_t i = 0; i < whole.low.size(); ++i) {
      weights_[i] = std::max(weights_[i], most / 16) / (whole.high[i] - whole.low[i]);
    }
  }

  /// None of a part that is one point in doubles.
  std::optional<std::size_t> input(const InputBox& part) const {
    std::optional<std::size_t> best;
    double most = -1;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const double middle = part.low[i] / 2 + part.high[i] / 2;
      if (!(part.low[i] < middle && middle < part.high[i])) continue;
      const double score = weights_[i] * (part.high[i] - part.low[i]);
      if (!(score > most)) continue;
      most = score;
      best = i;
    }
    return best;
  }

 private:
  std::vector<double> weights_;
};

bool is_refuted(const FewInputs& question, const InputBox& part, ProofRecorder& proof,
                const MayContinue& may_continue) {
  proof.begin_box(part.low, part.high, question.numbers);
  const abstract::Box reals(hull_of(part));
  SolveOptions options;
  options.only_quick = true;
  options.quick_domains = kMostDomains;
  options.proof = &proof;
  const TryPoint nothing_to_try = [](std::size_t, std::span<const float>) { return false; };
  const Outcome outcome = solve(question.graph, reals, question.cases, options, nothing_to_try, may_continue);
  return outcome.end == SearchResult::End::proven;
}

}  // namespace

bool prove_by_halves(const FewInputs& question, ProofRecorder& proof, const MayContinue& may_continue) {
  const Halving halving(question.network, question.box);
  std::vector<InputBox> open{question.box};
  while (!open.empty()) {
    if (!may_continue() || proof.overflowed()) return false;
    const InputBox part = std::move(open.back());
    open.pop_back();
    const Proof::Sizes before = proof.sizes();
    if (is_refuted(question, part, proof, may_continue)) continue;
    proof.forget(before);
    const std::optional<std::size_t> input = halving.input(part);
    if (!input) return false;
    const double middle = part.low[*input] / 2 + part.high[*input] / 2;
    open.push_back(part);
    open.back().high[*input] = middle;
    open.push_back(part);
    open.back().low[*input] = middle;
  }
  return true;
}

}  // namespace espalier::crown
