// SPDX-License-Identifier: Apache-2.0
#include "contradiction.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/replay.hpp>

namespace espalier::measure {
namespace {

using Target = std::optional<std::int64_t>;

constexpr const char* kHint = "gather networks, verdicts and attacks so that equal labels mean the same network";

/// That the point beats the label: by the target, or by any class.
Property violation_at(const std::vector<double>& point, std::int64_t label, const Target& target,
                      std::int64_t classes) {
  Property property;
  property.inputs = static_cast<std::int64_t>(point.size());
  property.outputs = classes;
  property.boxes = {{point, point}};
  for (std::int64_t c = 0; c < classes; ++c) {
    if (c == label || (target && c != *target)) continue;
    property.cases.push_back({.box = 0, .constraints = {{.terms = {{label, 1}, {c, -1}}, .limit = 0}}});
  }
  return property;
}

std::vector<double> doubles(const Found& found) {
  return {found.point.begin(), found.point.end()};
}

Holds violates(const Network& network, const Found& found, const Target& target) {
  const std::vector<double> point = doubles(found);
  const std::int64_t classes = element_count(network.output_shape());
  return replay(network, point, violation_at(point, found.label, target, classes)).over_reals;
}

/// The best class but the label, or the target.
std::int64_t rival(const std::vector<double>& scores, std::int64_t label, const Target& target) {
  std::int64_t best = target.value_or(label == 0 ? 1 : 0);
  for (std::int64_t c = 0; !target && c < static_cast<std::int64_t>(scores.size()); ++c) {
    if (c != label && scores[static_cast<std::size_t>(c)] > scores[static_cast<std::size_t>(best)]) best = c;
  }
  return best;
}

double distance(const Found& found, const Place& at) {
  double largest = 0;
  for (std::size_t i = 0; i < found.point.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(found.point[i]) - at.centre[i]));
  }
  return largest;
}

/// Exactly, where image and point are known; else by what is known of the distance.
bool lies_within(const Found& found, double epsilon, const std::optional<Place>& at) {
  if (!at || found.point.empty()) {
    return found.epsilon <= epsilon || (found.distance && *found.distance < epsilon);  // equal may be rounded to equal
  }
  for (std::size_t i = 0; i < found.point.size(); ++i) {
    const double x = found.point[i];
    if (!(at->clip_low <= x && x <= at->clip_high && is_within(x, at->centre[i], epsilon))) return false;
  }
  return true;
}

bool answers_target(const Network& network, const Found& found, const Target& target) {
  if (!found.point.empty()) return violates(network, found, target) == Holds::yes;
  return !target || found.beats == target;
}

std::string found_text(const Network& network, const Found& found, const Target& target,
                       const std::optional<Place>& at) {
  std::string text = fmt::format("'{}' found a point within epsilon {}", found.who, found.epsilon);
  if (at && !found.point.empty()) {
    text += fmt::format(" at distance {:.6g}", distance(found, *at));
  } else if (found.distance) {
    text += fmt::format(" at distance {:.6g}", *found.distance);
  }
  if (found.point.empty()) {
    return text + (found.beats ? fmt::format(" of class {}; it was not kept", *found.beats) : "; it was not kept");
  }
  const std::vector<double> scores = network.forward(doubles(found));
  const std::int64_t other = rival(scores, found.label, target);
  const double own = scores[static_cast<std::size_t>(found.label)];
  const double best = scores[static_cast<std::size_t>(other)];
  return text +
         fmt::format(
             " that scores {:.6g} for label {} and {:.6g} for class {}, a margin of {:.6g}, replayed over the reals",
             own, found.label, best, other, own - best);
}

}  // namespace

std::string labels_text(const Labels& labels) {
  std::string text;
  for (const auto& [axis, value] : labels) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axis, value);
  return text.empty() ? "no labels" : text;
}

bool is_violation(const Network& network, const Found& found) {
  const std::int64_t classes = element_count(network.output_shape());
  if (classes < 2 || found.label >= classes || found.beats.value_or(0) >= classes) {
    throw Error(Code::request,
                fmt::format("'{}' speaks of label {} and class {}, but the network has {} outputs", found.who,
                            found.label, found.beats.value_or(found.label), classes),
                kHint);
  }
  if (violates(network, found, found.beats) == Holds::yes) return true;
  const std::vector<double> scores = network.forward(doubles(found));
  const double own = scores[static_cast<std::size_t>(found.label)];
  const double best = scores[static_cast<std::size_t>(rival(scores, found.label, found.beats))];
  if (own <= best) return false;
  throw Error(Code::request,
              fmt::format("what '{}' found is nothing on the network its labels name: it scores {} for label {} and at "
                          "most {} for another class",
                          found.who, own, found.label, best),
              kHint);
}

std::string contradiction(const Network& network, const Said& robust, const Found& found,
                          const std::optional<Place>& at) {
  const Verdicts::Row& row = *robust.row;
  if (!lies_within(found, row.epsilon, at) || !answers_target(network, found, row.target)) return {};
  const std::string target = row.target ? fmt::format(" against class {}", *row.target) : "";
  const std::string message = row.message.empty() ? "" : fmt::format(" ('{}')", row.message);
  const std::string bound = std::isfinite(row.bound) ? fmt::format("a bound of {:.6g}", row.bound) : "no bound";
  return fmt::format("'{}' says robust{} within epsilon {} with {}{}, but {}", robust.who, target, row.epsilon, bound,
                     message, found_text(network, found, row.target, at));
}

}  // namespace espalier::measure
