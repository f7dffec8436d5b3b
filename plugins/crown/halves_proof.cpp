// SPDX-License-Identifier: Apache-2.0
#include "halves_proof.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <abstract/box.hpp>

#include "bounder.hpp"
#include "normal_float.hpp"
#include "solve.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

/// Parts that a short search leaves open are halved: on few inputs, that pays sooner than more phases.
constexpr std::int64_t kMostDomains = 64;
/// Parts that are looked at before what they gave is put together. Not by thread, so that a proof does not depend on
/// it.
constexpr std::size_t kAtOnce = 32;

/// What a look at a part of the box gave: a proof, or the parts that are next; neither when told to end.
struct Look {
  InputBox part;
  std::unique_ptr<ProofRecorder> proof;
  bool is_refuted = false;
  std::vector<InputBox> halves;
};

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

/// By how much a unit of each input moves the outputs in the whole box, but never by less than a share of the most:
/// where outputs hardly move, bounds may still be wide.
std::vector<double> weights_of(const Network& network, const InputBox& whole) {
  std::vector<double> weights;
  for (std::size_t i = 0; i < whole.low.size(); ++i) weights.push_back(influence(network, whole, i));
  const double most = *std::ranges::max_element(weights);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    weights[i] = std::max(weights[i], most / 16) / (whole.high[i] - whole.low[i]);
  }
  return weights;
}

/// What quick bounds of the goals lack on a part of the box, at most 0; the sum over the cases.
double lack(const FewInputs& question, const InputBox& part, const MayContinue& may_continue) {
  const abstract::Box reals(hull_of(part));
  const RootOptions how{.effort = {.iterations = 1}};
  const std::optional<Root> root = make_root(question.graph, reals, {}, nullptr, how, may_continue);
  if (!root) return 0;
  Bounder bounder(root->program);
  const int place = root->program.place(question.graph.output());
  static constexpr std::array<double, kLanes> kAll{};
  double sum = 0;
  for (const Case& goals : question.cases) {
    float* objective = bounder.objective(place);
    const std::size_t count = std::min<std::size_t>(goals.size(), kLanes);
    for (std::size_t g = 0; g < count; ++g) {
      for (std::size_t k = 0; k < goals[g].factors.size(); ++k) {
        objective[k * kLanes + g] = normal_float(goals[g].factors[k]);
      }
    }
    bounder.reset(root->lines);
    bounder.run(place, static_cast<int>(count), {.iterations = 1}, kAll);
    double best = -HUGE_VAL;
    for (std::size_t g = 0; g < count; ++g) {
      best = std::max(best, bounder.bound(static_cast<int>(g)) - goals[g].float_threshold());
    }
    sum += std::min(best, 0.0);
  }
  return sum;
}

std::vector<InputBox> halved(const InputBox& part, std::size_t input) {
  const double middle = part.low[input] / 2 + part.high[input] / 2;
  std::vector<InputBox> halves{part, part};
  halves[0].high[input] = middle;
  halves[1].low[input] = middle;
  return halves;
}

/// Halves across the input that has most left of what moves the outputs, or across one where quick bounds lack a good
/// deal less. Nothing of a part that is one point in doubles.
std::vector<InputBox> best_halves(const FewInputs& question, std::span<const double> weights, const InputBox& part,
                                  const MayContinue& may_continue) {
  constexpr double kGoodDeal = 0.8;
  std::vector<std::pair<double, std::size_t>> inputs;
  for (std::size_t i = 0; i < part.low.size(); ++i) {
    const double middle = part.low[i] / 2 + part.high[i] / 2;
    if (part.low[i] < middle && middle < part.high[i])
      inputs.emplace_back(weights[i] * (part.high[i] - part.low[i]), i);
  }
  std::ranges::stable_sort(inputs, [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<InputBox> best;
  const double whole = lack(question, part, may_continue);
  double least = 0;
  for (const auto& [score, input] : inputs) {
    std::vector<InputBox> halves = halved(part, input);
    // What holds for the part holds for its halves, even where the slopes of theirs are worse.
    double sum = 0;
    for (const InputBox& half : halves) sum += std::max(whole, lack(question, half, may_continue));
    if (!best.empty() && !(sum > kGoodDeal * least)) continue;
    least = sum;
    best = std::move(halves);
  }
  return best;
}

void look_at(const FewInputs& question, std::span<const double> weights, std::size_t memory,
             const MayContinue& may_continue, Look& look) {
  look.proof = std::make_unique<ProofRecorder>(question.graph, question.property, memory);
  look.proof->begin_box(look.part.low, look.part.high, question.numbers);
  const abstract::Box reals(hull_of(look.part));
  SolveOptions options;
  options.only_quick = true;
  options.quick_domains = kMostDomains;
  options.proof = look.proof.get();
  const TryPoint nothing_to_try = [](std::size_t, std::span<const float>) { return false; };
  const Outcome outcome = solve(question.graph, reals, question.cases, options, nothing_to_try, may_continue);
  look.is_refuted = outcome.end == SearchResult::End::proven;
  if (look.is_refuted || !may_continue()) return;
  look.proof.reset();
  look.halves = best_halves(question, weights, look.part, may_continue);
}

}  // namespace

bool prove_by_halves(const FewInputs& question, ProofRecorder& proof, const MayContinue& may_continue) {
  const std::vector<double> weights = weights_of(question.network, question.box);
  std::vector<InputBox> open{question.box};
  while (!open.empty()) {
    if (!may_continue() || proof.overflowed()) return false;
    std::vector<Look> looks(std::min(kAtOnce, open.size()));
    for (Look& look : looks) {
      look.part = std::move(open.back());
      open.pop_back();
    }
    std::atomic<std::size_t> next{0};
    const std::size_t workers = std::min(static_cast<std::size_t>(question.threads), looks.size());
    in_parallel(static_cast<int>(workers), [&](int) {
      for (std::size_t i = next++; i < looks.size(); i = next++) {
        look_at(question, weights, proof.memory_left(), may_continue, looks[i]);
      }
    });
    for (Look& look : looks) {
      if (look.is_refuted) {
        proof.append(*look.proof);
        continue;
      }
      if (look.halves.empty()) return false;
      for (InputBox& half : look.halves) open.push_back(std::move(half));
    }
  }
  return !proof.overflowed();
}

}  // namespace espalier::crown
