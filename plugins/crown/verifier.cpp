// SPDX-License-Identifier: Apache-2.0
#include "verifier.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <span>
#include <utility>

#include <abstract/float32.hpp>

#include <espalier/replay.hpp>

#include "box_search.hpp"
#include "halves_proof.hpp"
#include "normal_float.hpp"

namespace espalier::crown {
namespace {

using End = SearchResult::End;

Verdict verdict_of(End end) {
  switch (end) {
    case End::proven:
      return Verdict::robust;
    case End::violated:
      return Verdict::counterexample;
    case End::out_of_time:
      return Verdict::timeout;
    case End::given_up:
    case End::stuck:
      return Verdict::unknown;
  }
  return Verdict::unknown;
}

/// Why a search is stuck.
const char* message_of(SecondLook::End why) {
  switch (why) {
    case SecondLook::End::unshown:
      return "violated over the reals, but at no input in doubles that was found";
    case SecondLook::End::blurred:
      return "holds for the property's numbers, but not for all decimals that they are nearest to";
    default:
      return "parts without unstable neurons are within rounding of a violation";
  }
}

/// What a decision may use.
struct Resources {
  int threads = 1;
  std::size_t memory = 0;
  Device device;
  const ExactNumbers& numbers;
  const abstract::Used& used;
  ProofRecorder* proof = nullptr;
};

SolveOptions options_of(const Resources& resources, const InputTrial& trial) {
  SolveOptions options;
  options.search.trial = &trial;
  options.search.memory = resources.memory;
  options.device = resources.device;
  options.threads = resources.threads;
  options.used = resources.used;
  options.proof = resources.proof;
  return options;
}

/// Keeps the first witness that a search finds; searches ask from several threads.
class Witness {
 public:
  bool keep(std::vector<double> point) {
    const std::lock_guard lock(mutex_);
    if (!point_) point_ = std::move(point);
    return true;
  }
  std::optional<std::vector<double>> take() { return std::move(point_); }

 private:
  std::mutex mutex_;
  std::optional<std::vector<double>> point_;
};

/// A constraint that an output is to exceed: what may differ in decimals raises the threshold.
Goal goal_of(const OutputConstraint& constraint, std::size_t outputs, const abstract::Intervals& ranges) {
  Goal goal;
  goal.factors.assign(outputs, 0);
  goal.limit = constraint.limit;
  double error = 0;
  for (const auto& term : constraint.terms) {
    const auto k = static_cast<std::size_t>(term.output);
    goal.factors[k] += term.factor;
    if (std::abs(term.factor) != 1) error += 0x1p-51 * std::abs(term.factor) * abstract::magnitude(ranges[k]);
  }
  double lost = 0;
  for (std::size_t k = 0; k < outputs; ++k) {
    const double by = lost_in_float(goal.factors[k]);
    if (by != 0) lost += by * abstract::magnitude(ranges[k]);
  }
  goal.rounding = abstract::inflate(lost);
  goal.threshold = abstract::sum_up(abstract::sum_up(constraint.limit, abstract::kFloor), abstract::inflate(error));
  return goal;
}

/// Networks that are searched in both ways have at most so many neurons that intervals leave unstable.
constexpr int kFewNeurons = 24;
/// Boxes before a network of few neurons is searched by their phases, which ends even where goals tie.
constexpr std::int64_t kFirstBoxes = 1'000;
/// Above so many, a box costs a generator for each, and halving it does not close enough of them.
constexpr int kManyNeurons = 4'096;

/// Decides a property box by box.
class PropertyDecision {
 public:
  PropertyDecision(const Network& network, const abstract::Graph& graph, const Property& property,
                   const Resources& resources)
      : network_(network), graph_(graph), property_(property), resources_(resources) {}

  Decision decide() {
    decision_.verdict = Verdict::robust;
    decision_.bound = HUGE_VAL;
    for (std::size_t b = 0; b < property_.boxes.size() && !is_over(); ++b) {
      if (!is_empty(property_.boxes[b])) decide(b);
    }
    decision_.witness = witness_.take();
    if (decision_.verdict == Verdict::counterexample) decision_.message.clear();
    if (decision_.verdict == Verdict::robust) {
      decision_.message = abstract::float32_message(has_inputs_, std::move(float32_note_));
    }
    if (decision_.verdict == Verdict::unknown && decision_.message.empty()) decision_.message = message_of(why_);
    return std::move(decision_);
  }

 private:
  static bool is_empty(const Property::Box& box) {
    for (std::size_t i = 0; i < box.low.size(); ++i) {
      if (box.low[i] > box.high[i]) return true;
    }
    return false;
  }

  void decide(std::size_t b) {
    const Property::Box& box = property_.boxes[b];
    const InputBox split{box.low, box.high};
    const abstract::Box reals(hull_of(split));
    if (reals.empty()) {
      decision_.message = "an input is unbounded";
      return end(End::stuck, -HUGE_VAL);
    }
    abstract::Relaxation ranges(graph_, reals);
    while (!ranges.complete()) ranges.extend();
    const std::vector<Case> cases = cases_of(b, ranges);
    if (cases.empty()) return;
    has_inputs_ = true;
    if (resources_.proof != nullptr) resources_.proof->begin_box(box.low, box.high, case_numbers(b));
    const std::int64_t unstable = abstract::unstable_neurons(ranges);
    if (!suits_box_search(split) || unstable > kManyNeurons) return by_phases(reals, cases, box);
    const End found = by_boxes(ranges, cases, box, unstable <= kFewNeurons ? kFirstBoxes : 0);
    if (found == End::given_up || found == End::stuck) by_phases(reals, cases, box);
    if (found == End::proven && resources_.proof != nullptr) {
      const FewInputs question{network_, graph_, property_, cases, case_numbers(b), split, resources_.threads};
      if (!prove_by_halves(question, *resources_.proof, may_continue_)) resources_.proof->give_up();
    }
  }

  /// What the property calls the cases that cases_of() makes.
  std::vector<std::int64_t> case_numbers(std::size_t b) const {
    std::vector<std::int64_t> numbers;
    for (std::size_t c = 0; c < property_.cases.size(); ++c) {
      if (property_.cases[c].box == static_cast<std::int64_t>(b)) numbers.push_back(static_cast<std::int64_t>(c));
    }
    return numbers;
  }

  std::vector<Case> cases_of(std::size_t b, const abstract::Relaxation& ranges) const {
    std::vector<Case> cases;
    for (const Property::Case& c : property_.cases) {
      if (c.box != static_cast<std::int64_t>(b)) continue;
      Case& goals = cases.emplace_back();
      for (const OutputConstraint& constraint : c.constraints) {
        goals.push_back(
            goal_of(constraint, static_cast<std::size_t>(property_.outputs), ranges.bounds(graph_.output())));
      }
    }
    return cases;
  }

  /// Ends the box unless what it returns is that it gave up or is stuck.
  End by_boxes(const abstract::Relaxation& ranges, const std::vector<Case>& cases, const Property::Box& box,
               std::int64_t most_boxes) {
    InputBox whole;
    for (const abstract::Interval& range : ranges.bounds(0)) {
      whole.low.push_back(range.low);
      whole.high.push_back(range.high);
    }
    const TryInput try_input = [&](std::size_t, std::span<const double> x) { return shows({x.begin(), x.end()}, box); };
    const BoxSearchOptions how{.threads = resources_.threads, .memory = resources_.memory, .most_boxes = most_boxes};
    const BoxSearchResult result = box_search(graph_, whole, cases, how, try_input, may_continue_);
    decision_.subproblems += result.boxes;
    if (result.end != End::given_up && result.end != End::stuck) end(result.end, result.bound);
    if (result.end == End::proven) note_float32(result.bound, ranges);
    return result.end;
  }

  void by_phases(const abstract::Box& reals, const std::vector<Case>& cases, const Property::Box& box) {
    const std::vector<std::int32_t> kept = used_inputs(graph_, reals.hull());
    const TryPoint try_point = [&](std::size_t, std::span<const float> x) {
      std::vector<double> point;
      for (std::size_t i = 0; i < box.low.size(); ++i) point.push_back(box.low[i] / 2 + box.high[i] / 2);
      for (std::size_t i = 0; i < kept.size(); ++i)
        point[static_cast<std::size_t>(kept[i])] = static_cast<double>(x[i]);
      return shows(std::move(point), box);
    };
    const InputTrial trial{.box = {box.low, box.high},
                           .look =
                               [&](std::size_t, std::span<const double> x) {
                                 return shows({x.begin(), x.end()}, box);
                               },
                           .numbers = &resources_.numbers};
    const Outcome result = solve(graph_, reals, cases, options_of(resources_, trial), try_point, may_continue_);
    decision_.subproblems += result.domains;
    end(result.end, result.bound);
    why_ = std::max(why_, result.why);
    if (result.end == End::proven) note_float32(result.bound, result.root->relaxation);
  }

  /// A box that is proven for the reals may still leave something to say.
  void note_float32(double bound, const abstract::Relaxation& ranges) {
    const double off = abstract::float32_error(property_.cases, abstract::float32_errors(network_, ranges));
    std::string note = abstract::float32_note("a constraint", bound, off);
    if (!note.empty()) float32_note_ = std::move(note);
  }

  bool shows(std::vector<double> point, const Property::Box& box) {
    for (std::size_t i = 0; i < point.size(); ++i) point[i] = std::clamp(point[i], box.low[i], box.high[i]);
    if (replay(network_, point, property_).over_reals != Holds::yes) return false;
    return witness_.keep(std::move(point));
  }

  /// Of one box. A box that stays open leaves it to the others to show a violation.
  void end(End how, double bound) {
    if (how != End::proven) decision_.verdict = verdict_of(how);
    decision_.bound = how == End::violated ? -HUGE_VAL : std::min(decision_.bound, bound);
  }
  bool is_over() const { return decision_.verdict == Verdict::counterexample || decision_.verdict == Verdict::timeout; }

  const Network& network_;
  const abstract::Graph& graph_;
  const Property& property_;
  Resources resources_;
  MayContinue may_continue_ = [this] { return resources_.used() < 1; };
  Decision decision_;
  SecondLook::End why_ = SecondLook::End::refuted;
  bool has_inputs_ = false;  ///< some case has
  std::string float32_note_;
  Witness witness_;
};

/// What has to hold everywhere for the answer to be `robust`.
std::vector<Case> cases_of(const abstract::Question& question, std::int64_t classes) {
  std::vector<Case> cases;
  for (const std::int64_t c : abstract::rivals(question, classes)) {
    Goal margin;
    margin.factors.assign(static_cast<std::size_t>(classes), 0);
    margin.factors[static_cast<std::size_t>(question.label)] = 1;
    margin.factors[static_cast<std::size_t>(c)] = -1;
    cases.push_back({std::move(margin)});
  }
  return cases;
}

/// The doubles in a box.
InputBox box_within(const abstract::Box& box) {
  InputBox inner;
  for (std::size_t i = 0; i < box.size(); ++i) {
    const auto& [low, high] = box.hull()[i];
    inner.low.push_back(box.contains(i, low) ? low : std::nextafter(low, HUGE_VAL));
    inner.high.push_back(box.contains(i, high) ? high : std::nextafter(high, -HUGE_VAL));
  }
  return inner;
}

/// The same over the reals.
std::vector<RealRange> real_ranges(const abstract::Box& box) {
  const auto [low, high] = box.clip();
  std::vector<RealRange> ranges;
  for (std::size_t i = 0; i < box.size(); ++i) {
    // What is infinite leaves the rest to the other; the hull is finite.
    ranges.push_back({.centre = static_cast<double>(box.centre()[i]),
                      .radius = std::min(box.epsilon(), std::numeric_limits<double>::max()),
                      .low = std::isfinite(low) ? low : box.hull()[i].low,
                      .high = std::isfinite(high) ? high : box.hull()[i].high});
  }
  return ranges;
}

}  // namespace

Decision Verifier::decide(const abstract::Question& question, int threads, const abstract::Used& used) const {
  abstract::require_ieee_arithmetic();
  Decision decision;
  const abstract::Graph& graph = robustness_.graph();
  if (question.box->empty()) {
    decision.verdict = Verdict::error;
    decision.message = "no input lies within epsilon of the centre and inside the clip range";
    return decision;
  }
  const std::vector<std::int32_t> kept = used_inputs(graph, question.box->hull());
  Witness witness;
  const auto try_input = [&](const std::vector<double>& point, bool as_it_is) {
    if (auto found = robustness_.counterexample_near(question, point)) {
      return witness.keep({found->witness->begin(), found->witness->end()});
    }
    return as_it_is && robustness_.is_counterexample(question, point) && witness.keep(point);
  };
  const TryPoint try_point = [&](std::size_t, std::span<const float> x) {
    std::vector<double> point(question.box->centre().begin(), question.box->centre().end());
    for (std::size_t i = 0; i < kept.size(); ++i) point[static_cast<std::size_t>(kept[i])] = static_cast<double>(x[i]);
    return try_input(point, false);
  };
  const std::vector<Case> cases = cases_of(question, graph.size(graph.output()));
  const MayContinue may_continue = [&used] { return used() < 1; };
  const InputTrial trial{.box = box_within(*question.box),
                         .look =
                             [&](std::size_t, std::span<const double> x) {
                               return try_input({x.begin(), x.end()}, true);
                             },
                         .reals = real_ranges(*question.box),
                         .numbers = &numbers_};
  const Outcome outcome =
      solve(graph, *question.box, cases, options_of({threads, memory_, device_, numbers_, used}, trial), try_point,
            may_continue);
  decision.verdict = verdict_of(outcome.end);
  if (outcome.end == End::stuck) decision.message = message_of(outcome.why);
  decision.bound = outcome.end == End::violated ? -HUGE_VAL : outcome.bound;
  decision.subproblems = outcome.domains;
  if (decision.verdict == Verdict::robust) {
    decision.message = abstract::float32_note(decision.bound, network_, outcome.root->relaxation, question);
  }
  decision.witness = witness.take();
  return decision;
}

Decision Verifier::decide(const Property& property, int threads, const abstract::Used& used,
                          ProofRecorder* proof) const {
  abstract::require_ieee_arithmetic();
  return PropertyDecision(network_, robustness_.graph(), property, {threads, memory_, device_, numbers_, used, proof})
      .decide();
}

}  // namespace espalier::crown
