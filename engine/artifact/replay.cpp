// SPDX-License-Identifier: Apache-2.0
// What a point proves. Two stages: double precision with a running error bound, which settles almost everything in the
// time of one inference; what lies within rounding of a tie is computed again without rounding.
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/replay.hpp>

#include "artifact/ball.hpp"
#include "artifact/plain.hpp"
#include "artifact/running_error.hpp"

namespace espalier::inline v1 {
namespace {

using artifact::RunningError;
using artifact::Walk;
using exact::Ball;
using exact::Dyadic;
using exact::Exact;
using Cases = std::vector<Property::Case>;
using Balls = std::vector<Ball>;

template <class A>
std::vector<typename A::Number> outputs(const Network& network, std::span<const double> point) {
  std::vector<typename A::Number> input;
  input.reserve(point.size());
  for (const double x : point) input.emplace_back(x);
  return Walk<A>(network).outputs(std::move(input));
}

/// Outputs in double with their errors; nothing where one overflowed.
std::optional<Balls> rounded_outputs(const Network& network, std::span<const double> point) {
  Balls balls;
  for (const RunningError::Number& y : outputs<RunningError>(network, point)) {
    if (!std::isfinite(y.value) || !std::isfinite(y.error)) return std::nullopt;
    balls.emplace_back(Dyadic(y.value), Dyadic(y.error));
  }
  return balls;
}

std::optional<Balls> float32_outputs(const Network& network, std::span<const double> point) {
  Balls balls;
  for (const artifact::Plain<float>::Number y : outputs<artifact::Plain<float>>(network, point)) {
    if (!std::isfinite(y.value)) return std::nullopt;
    balls.emplace_back(y.value);
  }
  return balls;
}

Holds holds(const OutputConstraint& constraint, const Balls& y) {
  if (std::isinf(constraint.limit)) return constraint.limit > 0 ? Holds::yes : Holds::no;
  Exact::Sum sum;
  for (const auto& term : constraint.terms) sum.add(term.factor, y[static_cast<std::size_t>(term.output)]);
  const Ball excess = sum.take(-constraint.limit);
  if (excess.middle <= -excess.radius) return Holds::yes;
  return excess.radius < excess.middle ? Holds::no : Holds::undecided;
}

/// Whether some case has all its constraints met.
Holds holds(const Cases& cases, const Balls& y) {
  Holds some = Holds::no;
  for (const Property::Case& one : cases) {
    Holds all = Holds::yes;
    for (const OutputConstraint& constraint : one.constraints) {
      const Holds this_one = holds(constraint, y);
      if (this_one == Holds::undecided && all == Holds::yes) all = Holds::undecided;
      if (this_one == Holds::no) all = Holds::no;
    }
    if (all == Holds::yes) return Holds::yes;
    if (all == Holds::undecided) some = Holds::undecided;
  }
  return some;
}

/// Fills all of the replay but the reason. Needs: the point is in the cases' boxes.
Replay replayed(const Network& network, std::span<const double> point, const Cases& cases) {
  Replay result;
  if (const auto y = rounded_outputs(network, point)) result.over_reals = holds(cases, *y);
  if (result.over_reals == Holds::undecided) result.over_reals = holds(cases, outputs<Exact>(network, point));
  if (const auto y = float32_outputs(network, point)) result.in_float32 = holds(cases, *y) == Holds::yes;
  return result;
}

Replay refused(std::string reason) {
  return {.over_reals = Holds::no, .in_float32 = false, .reason = std::move(reason)};
}

void require_fit(std::string_view what, std::int64_t count, const Shape& shape) {
  if (count == element_count(shape)) return;
  throw Error(Code::request,
              fmt::format("{} has {} elements, but the network's has the shape {}", what, count, to_text(shape)));
}

// ---- boxes

std::string place_text(std::size_t i, double x) {
  return fmt::format("element {} of the witness is {}", i, x);
}

/// Why a point is not within `radius` of the centre of instance `row`, clipped; empty when it is.
std::string box_fault(std::span<const double> point, const Instances& instances, std::size_t row, double radius) {
  const auto centre = instances.centres.as<float>().subspan(row * point.size(), point.size());
  for (std::size_t i = 0; i < point.size(); ++i) {
    const double x = point[i];
    if (!is_within(x, centre[i], radius)) {
      return fmt::format("{}, outside {} +- {}", place_text(i, x), centre[i], radius);
    }
    if (!std::isfinite(x) || !(x >= instances.clip_low && x <= instances.clip_high)) {
      return fmt::format("{}, outside [{}, {}]", place_text(i, x), instances.clip_low, instances.clip_high);
    }
  }
  return {};
}

std::string box_fault(std::span<const double> point, const Property::Box& box) {
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (std::isfinite(point[i]) && box.low[i] <= point[i] && point[i] <= box.high[i]) continue;
    return fmt::format("{}, outside [{}, {}]", place_text(i, point[i]), box.low[i], box.high[i]);
  }
  return {};
}

// ---- what did not hold, in words

std::string_view verdict_text(Holds over_reals) {
  return over_reals == Holds::undecided ? "too close to a tie to be told from one" : "not over the reals";
}

double value_of(const OutputConstraint& constraint, std::span<const double> y) {
  double sum = 0;
  for (const auto& term : constraint.terms) sum += term.factor * y[static_cast<std::size_t>(term.output)];
  return sum;
}

/// About the first constraint that is not met as doubles tell it, or about the last, when only rounding meets it.
std::string case_fault(const Property::Case& one, std::span<const double> y, Holds over_reals) {
  for (std::size_t k = 0; k < one.constraints.size(); ++k) {
    const double value = value_of(one.constraints[k], y);
    if (value <= one.constraints[k].limit) continue;
    return fmt::format("constraint {} is {}, above {}", k, value, one.constraints[k].limit);
  }
  return fmt::format("its constraints are met in double precision, but {}", verdict_text(over_reals));
}

std::int64_t best_other(std::span<const double> scores, const Instances::Row& row) {
  std::int64_t best = row.target.value_or(row.label == 0 ? 1 : 0);
  for (std::int64_t c = 0; !row.target && c < static_cast<std::int64_t>(scores.size()); ++c) {
    if (c != row.label && scores[static_cast<std::size_t>(c)] > scores[static_cast<std::size_t>(best)]) best = c;
  }
  return best;
}

std::string score_fault(std::span<const double> scores, const Instances::Row& row, Holds over_reals) {
  const std::int64_t best = best_other(scores, row);
  const double label_score = scores[static_cast<std::size_t>(row.label)];
  const double other = scores[static_cast<std::size_t>(best)];
  std::string text =
      fmt::format("the witness scores {} for label {} and {} for class {}", label_score, row.label, other, best);
  if (!(other < label_score)) text += fmt::format(", {}", verdict_text(over_reals));
  return text;
}

/// The classes that a row's label must lose to, as cases.
Cases cases_of(const Instances::Row& row, std::int64_t classes) {
  Cases cases;
  for (std::int64_t c = 0; c < classes; ++c) {
    if (c == row.label || (row.target && c != *row.target)) continue;
    cases.push_back({.box = 0, .constraints = {{.terms = {{row.label, 1}, {c, -1}}, .limit = 0}}});
  }
  return cases;
}

}  // namespace

Replay replay(const Network& network, std::span<const double> point, const Property& property) {
  property.validate();
  require_fit("the witness", static_cast<std::int64_t>(point.size()), network.input_shape());
  require_fit("the property's input", property.inputs, network.input_shape());
  require_fit("the property's output", property.outputs, network.output_shape());
  Cases inside;
  std::string fault = "the property has no cases";
  for (const Property::Case& one : property.cases) {
    const std::string outside = box_fault(point, property.boxes[static_cast<std::size_t>(one.box)]);
    if (outside.empty()) inside.push_back(one);
    if (!outside.empty()) fault = outside;
  }
  if (inside.empty()) return refused(std::move(fault));
  Replay result = replayed(network, point, inside);
  if (result.over_reals == Holds::yes) return result;
  const std::string first = case_fault(inside[0], network.forward(point), result.over_reals);
  result.reason = inside.size() == 1 ? first
                                     : fmt::format("none of the {} cases around the witness holds; of the first, {}",
                                                   inside.size(), first);
  return result;
}

Replay replay(const Network& network, std::span<const float> point, const Instances& instances, std::size_t row,
              double epsilon) {
  return replay(network, std::vector<double>(point.begin(), point.end()), instances, row, epsilon);
}

Replay replay(const Network& network, std::span<const double> point, const Instances& instances, std::size_t row,
              double epsilon) {
  require_fit("the witness", static_cast<std::int64_t>(point.size()), network.input_shape());
  if (row >= instances.rows.size() ||
      instances.centres.size() / instances.centres.dim(0) != element_count(network.input_shape())) {
    throw Error(
        Code::request,
        fmt::format("row {} of {} instances with centres of shape {} is no question to a network "
                    "with inputs of shape {}",
                    row, instances.rows.size(), to_text(instances.centres.shape()), to_text(network.input_shape())));
  }
  std::string fault = box_fault(point, instances, row, epsilon);
  if (!fault.empty()) return refused(std::move(fault));
  const Instances::Row& question = instances.rows[row];
  const std::int64_t classes = element_count(network.output_shape());
  if (question.label < 0 || question.label >= classes || question.target.value_or(0) >= classes) {
    return refused(fmt::format("label {} or target {} is not one of the network's {} outputs", question.label,
                               question.target.value_or(-1), classes));
  }
  const Cases cases = cases_of(question, classes);
  if (cases.empty()) return refused("the network has one output, so there is no other class");
  Replay result = replayed(network, point, cases);
  if (result.over_reals != Holds::yes) result.reason = score_fault(network.forward(point), question, result.over_reals);
  return result;
}

}  // namespace espalier::inline v1
