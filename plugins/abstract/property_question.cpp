// SPDX-License-Identifier: Apache-2.0
#include "property_question.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include <espalier/replay.hpp>

#include "float32.hpp"
#include "substitution.hpp"

namespace espalier::abstract {
namespace {

/// One step outward: contains the decimals that the bounds are nearest to. `kFloor` is more than a step near 0, where
/// steps are denormal and slow.
Intervals hull_of(const Property::Box& box) {
  Intervals hull;
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    hull.push_back({sum_down(box.low[i], -kFloor), sum_up(box.high[i], kFloor)});
  }
  return hull;
}

bool is_empty(const Property::Box& box) {
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    if (box.low[i] > box.high[i]) return true;
  }
  return false;
}

double middle(double low, double high) {
  return std::clamp(low / 2 + high / 2, low, high);
}

/// Where the linear bound with these slopes is smallest: a corner, or the middle where a slope is 0 or there is none.
std::vector<double> lowest_point(const Property::Box& box, std::span<const Lanes> slopes, std::size_t row) {
  std::vector<double> point;
  for (std::size_t i = 0; i < box.low.size(); ++i) {
    const double slope = slopes.empty() ? 0 : slopes[i][row];
    point.push_back(slope > 0 ? box.low[i] : slope < 0 ? box.high[i] : middle(box.low[i], box.high[i]));
  }
  return point;
}

/// By how much a constraint's sum exceeds its limit at least, for all decimals that its numbers are nearest to.
double excess(const OutputConstraint& constraint, double sum, const Intervals& outputs) {
  double error = 0;
  for (const auto& term : constraint.terms) {
    if (std::abs(term.factor) == 1) continue;
    error += kUnit * std::abs(term.factor) * magnitude(outputs[static_cast<std::size_t>(term.output)]) + kFloor;
  }
  return or_nothing(sum_down(sum_down(sum, -inflate(error)), -sum_up(constraint.limit, kFloor)));
}

/// Answers a property box by box.
class Decision {
 public:
  Decision(const Network& network, const Graph& graph, const Property& property, const MayContinue& may_continue)
      : network_(network), graph_(graph), property_(property), may_continue_(may_continue) {}

  PropertyAnswer decide() {
    answer_.bound = HUGE_VAL;
    answer_.verdict = Verdict::robust;
    std::vector<CaseList> cases(property_.boxes.size());
    for (const Property::Case& c : property_.cases) cases[static_cast<std::size_t>(c.box)].push_back(&c);
    // A box that stays open leaves it to the others to show a violation.
    const auto goes_on = [&] { return answer_.verdict == Verdict::robust || answer_.verdict == Verdict::unknown; };
    bool has_inputs = false;
    for (std::size_t b = 0; b < cases.size() && goes_on(); ++b) {
      if (cases[b].empty() || is_empty(property_.boxes[b])) continue;
      has_inputs = true;
      decide(property_.boxes[b], cases[b]);
    }
    if (answer_.verdict == Verdict::robust) answer_.message = float32_message(has_inputs, std::move(float32_note_));
    return std::move(answer_);
  }

 private:
  using CaseList = std::vector<const Property::Case*>;

  void end(Verdict verdict, std::string message = {}) {
    answer_.verdict = verdict;
    answer_.message = std::move(message);
    if (verdict != Verdict::counterexample) answer_.bound = std::min(answer_.bound, worst_);
  }

  void decide(const Property::Box& box, const CaseList& cases) {
    const Box hull(hull_of(box));
    worst_ = -HUGE_VAL;
    if (hull.empty()) return end(Verdict::unknown, "an input is unbounded");
    if (shows_violation(lowest_point(box, {}, 0))) return;
    const auto relaxation = deeppoly(graph_, hull, may_continue_);
    if (!relaxation) return end(Verdict::timeout);
    ++answer_.boxes_bounded;
    worst_ = HUGE_VAL;
    for (const Property::Case* c : cases) {
      const double bound = bound_of(*c, *relaxation, box);
      if (answer_.witness) return;
      worst_ = lesser(worst_, bound);
    }
    if (!(worst_ > 0)) return end(Verdict::unknown);
    const double off = float32_error(property_.cases, float32_errors(network_, *relaxation));
    if (std::string note = float32_note("a constraint", worst_, off); !note.empty()) float32_note_ = std::move(note);
    answer_.bound = std::min(answer_.bound, worst_);
  }

  /// The largest certified excess of a constraint; tries the lowest points of the linear bounds when it is not enough.
  double bound_of(const Property::Case& one, const Relaxation& relaxation, const Property::Box& box) {
    double best = -HUGE_VAL;
    std::vector<Row> rows;
    for (const OutputConstraint& constraint : one.constraints) {
      Row& row = rows.emplace_back();
      for (const auto& term : constraint.terms) row.push_back({static_cast<std::size_t>(term.output), term.factor});
    }
    std::vector<std::vector<double>> candidates;
    const int output = graph_.output();
    for (std::size_t begin = 0; begin < rows.size() && !(best > 0); begin += kLanes) {
      const auto part = std::span(rows).subspan(begin, std::min<std::size_t>(kLanes, rows.size() - begin));
      const Lanes near = substitute(relaxation, output, part, Depth::nearest_relu).low;
      const Substituted far = substitute(relaxation, output, part, Depth::input);
      for (std::size_t r = 0; r < part.size(); ++r) {
        const double low = std::max(near[r], far.low[r]);
        best = std::max(best, excess(one.constraints[begin + r], low, relaxation.bounds(output)));
        candidates.push_back(lowest_point(box, far.slopes, r));
      }
    }
    for (std::size_t i = 0; i < candidates.size() && !(best > 0) && may_continue_(); ++i) {
      if (shows_violation(candidates[i])) break;
    }
    return best;
  }

  bool shows_violation(const std::vector<double>& point) {
    if (replay(network_, point, property_).over_reals != Holds::yes) return false;
    end(Verdict::counterexample);
    answer_.bound = -HUGE_VAL;
    answer_.witness = point;
    return true;
  }

  const Network& network_;
  const Graph& graph_;
  const Property& property_;
  const MayContinue& may_continue_;
  PropertyAnswer answer_;
  std::string float32_note_;
  double worst_ = -HUGE_VAL;  ///< of the cases of the present box
};

}  // namespace

PropertyAnswer answer(const Network& network, const Graph& graph, const Property& property,
                      const MayContinue& may_continue) {
  require_ieee_arithmetic();
  return Decision(network, graph, property, may_continue).decide();
}

}  // namespace espalier::abstract
