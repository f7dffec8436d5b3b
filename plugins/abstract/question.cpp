// SPDX-License-Identifier: Apache-2.0
#include "question.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/replay.hpp>

#include "float32.hpp"
#include "substitution.hpp"

namespace espalier::abstract {
namespace {

constexpr double kNearTie = 0x1p-40;

/// Lower bounds of the margins of a question, and the slopes of the smallest on the input if there are any.
struct Margins {
  double smallest = HUGE_VAL;
  std::vector<double> slopes;
};

Margins margins(const Relaxation& relaxation, const Question& question, Depth depth) {
  const int output = relaxation.graph().output();
  const std::vector<Row> rows = margin_rows(relaxation.graph(), question);
  Margins result;
  for (std::size_t begin = 0; begin < rows.size(); begin += kLanes) {
    const auto part = std::span(rows).subspan(begin, std::min<std::size_t>(kLanes, rows.size() - begin));
    // Intervals of the last ReLUs can be tighter than lines through all of them; both are certified.
    const Lanes near = substitute(relaxation, output, part, Depth::nearest_relu).low;
    const Substituted far = depth == Depth::input ? substitute(relaxation, output, part, depth) : Substituted{near, {}};
    for (std::size_t r = 0; r < part.size(); ++r) {
      const double smallest = lesser(result.smallest, std::max(near[r], far.low[r]));
      if (smallest == result.smallest) continue;
      result.smallest = smallest;
      result.slopes.clear();
      for (const Lanes& slope : far.slopes) result.slopes.push_back(slope[r]);
    }
  }
  return result;
}

/// Whether scores in double violate the property or are so near to it that they do not tell: cheap beside a replay.
/// Scores that overflowed show nothing.
bool may_violate(const std::vector<double>& scores, const Question& question) {
  if (!std::all_of(scores.begin(), scores.end(), [](double s) { return std::isfinite(s); })) return false;
  const std::vector<std::int64_t> others = rivals(question, static_cast<std::int64_t>(scores.size()));
  const double label = scores[static_cast<std::size_t>(question.label)];
  for (const std::int64_t c : others) {
    const double other = scores[static_cast<std::size_t>(c)];
    if (other - label >= -kNearTie * (std::abs(label) + std::abs(other))) return true;
  }
  return false;
}

/// The question at one point, which is in its box.
Property property_at(const Graph& graph, const Question& question, const std::vector<double>& point) {
  Property property;
  property.inputs = graph.size(0);
  property.outputs = graph.size(graph.output());
  property.boxes = {{point, point}};
  for (const std::int64_t c : rivals(question, property.outputs)) {
    property.cases.push_back({.box = 0, .constraints = {{.terms = {{question.label, 1}, {c, -1}}, .limit = 0}}});
  }
  return property;
}

/// Where the linear lower bound is smallest.
std::vector<double> minimiser(const Box& box, std::span<const double> slopes) {
  std::vector<double> point(slopes.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const Interval range = box.hull()[i];
    point[i] = slopes[i] > 0 ? range.low : slopes[i] < 0 ? range.high : double{box.centre()[i]};
  }
  return point;
}

/// Robust when the bound says so over the reals; said to be no more than that when single precision may still decide
/// otherwise.
Answer answer_of(double bound, const Network& network, const Relaxation& relaxation, const Question& question) {
  Answer answer{.verdict = Verdict::unknown, .bound = bound, .message = {}, .witness = {}};
  if (!(bound > 0)) return answer;
  answer.verdict = Verdict::robust;
  answer.message = float32_note(bound, network, relaxation, question);
  return answer;
}

}  // namespace

std::vector<std::int64_t> rivals(const Question& question, std::int64_t classes) {
  std::vector<std::int64_t> others;
  for (std::int64_t c = 0; c < classes; ++c) {
    if (c != question.label && (!question.target || c == *question.target)) others.push_back(c);
  }
  if (0 <= question.label && question.label < classes && !others.empty()) return others;
  const std::string whom = question.target ? fmt::format("class {}", *question.target) : "any other class";
  throw Error(Code::request,
              fmt::format("a question asks for label {} against {} of a network with {} output{}", question.label, whom,
                          classes, classes == 1 ? "" : "s"),
              "label and target have to be two different outputs of the network");
}

std::vector<Row> margin_rows(const Graph& graph, const Question& question) {
  std::vector<Row> rows;
  for (const std::int64_t c : rivals(question, graph.size(graph.output()))) {
    rows.push_back({{static_cast<std::size_t>(question.label), 1}, {static_cast<std::size_t>(c), -1}});
  }
  return rows;
}

std::int64_t unstable_neurons(const Relaxation& relaxation) {
  std::int64_t count = 0;
  for (int value = 0; value <= relaxation.last(); ++value) {
    if (!relaxation.graph().feeds_relu(value)) continue;
    count += std::ranges::count_if(relaxation.bounds(value), is_unstable);
  }
  return count;
}

std::string float32_note(double bound, const Network& network, const Relaxation& relaxation, const Question& question) {
  const std::vector<double> errors = float32_errors(network, relaxation);
  double off = 0;
  for (const Row& row : margin_rows(relaxation.graph(), question)) {
    off = std::max(off, float32_margin_error(errors, question.label, static_cast<std::int64_t>(row[1].element)));
  }
  return float32_note("the margin", bound, off);
}

bool Verifier::is_counterexample(const Question& question, const std::vector<double>& point) const {
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!question.box->contains(i, point[i])) return false;
  }
  return replay(network_, point, property_at(graph_, question, point)).over_reals == Holds::yes;
}

std::optional<Answer> Verifier::counterexample_near(const Question& question, std::span<const double> point) const {
  auto inside = question.box->round_into(point);
  if (!inside) return std::nullopt;
  const std::vector<double> exact(inside->begin(), inside->end());
  if (!may_violate(network_.forward(exact), question) || !is_counterexample(question, exact)) return std::nullopt;
  return Answer{.verdict = Verdict::counterexample, .bound = -HUGE_VAL, .message = {}, .witness = std::move(inside)};
}

Answer Verifier::answer(const Question& question, Domain domain, const MayContinue& may_continue) const {
  require_ieee_arithmetic();
  const Box& box = *question.box;
  if (box.empty()) {
    return {.verdict = Verdict::error,
            .bound = -HUGE_VAL,
            .message = "no input lies within epsilon of the centre and inside the clip range",
            .witness = {}};
  }
  const std::vector<double> centre(box.centre().begin(), box.centre().end());
  if (auto found = counterexample_near(question, centre)) return *std::move(found);

  const Relaxation ranges = intervals(graph_, box);
  Answer coarse = answer_of(margins(ranges, question, Depth::nearest_relu).smallest, network_, ranges, question);
  if (domain == Domain::intervals) return coarse;
  const auto relaxation = deeppoly(graph_, box, may_continue);
  if (!relaxation) {
    if (coarse.verdict != Verdict::robust) coarse.verdict = Verdict::timeout;
    return coarse;
  }
  const Margins fine = margins(*relaxation, question, Depth::input);
  Answer result = answer_of(std::max(coarse.bound, fine.smallest), network_, *relaxation, question);
  result.numbers["unstable_neurons"] = static_cast<double>(unstable_neurons(*relaxation));
  if (result.verdict == Verdict::robust) return result;
  if (auto found = counterexample_near(question, minimiser(box, fine.slopes))) {
    found->bound = result.bound;
    found->numbers = std::move(result.numbers);
    return *std::move(found);
  }
  return result;
}

}  // namespace espalier::abstract
