// SPDX-License-Identifier: Apache-2.0
#include "claim.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <espalier/replay.hpp>

namespace espalier::external {
namespace {

using abstract::Answer;
using abstract::Box;
using abstract::Interval;
using abstract::Question;

/// What the competition forgives: how far a witness may lie outside the box (the absolute tolerance of its scoring
/// scripts). Such a point is only where to look for one.
constexpr double kForgiven = 1e-4;

Answer answered(Verdict verdict, std::string message) {
  return {.verdict = verdict, .bound = -HUGE_VAL, .message = std::move(message), .witness = {}};
}

Answer refused(const std::string& why) {
  return answered(Verdict::error, "the tool says 'sat', but " + why);
}

/// A number's shortest decimal may lie on either side of it; that of a whole number is the number.
double outward(double bound, double towards) {
  return std::trunc(bound) == bound ? bound : std::nextafter(bound, towards);
}

std::vector<Property::Case> violations(const Question& question, std::int64_t classes) {
  std::vector<Property::Case> cases;
  for (const std::int64_t c : abstract::rivals(question, classes)) {
    cases.push_back({.box = 0, .constraints = {{.terms = {{question.label, 1}, {c, -1}}, .limit = 0}}});
  }
  return cases;
}

/// Takes the next line off a text.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  const auto first = line.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? "" : line.substr(first, line.find_last_not_of(" \t\r") + 1 - first);
}

/// The next word of a witness; empty at its end. Brackets only part words, as tools differ in how many they write.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view kBetween = " \t\r\n()";
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(kBetween)));
  const std::string_view word = text.substr(0, text.find_first_of(kBetween));
  text.remove_prefix(word.size());
  return word;
}

template <class T>
std::optional<T> as_number(std::string_view word) {
  if (word.starts_with('+')) word.remove_prefix(1);
  T value{};
  const auto [rest, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failure != std::errc{} || rest != word.data() + word.size()) return std::nullopt;
  return value;
}

/// Either a point or why there is none.
struct Witness {
  std::vector<double> point;
  std::string fault;
};

Witness faulty(std::string why) {
  return {.point = {}, .fault = std::move(why)};
}

Witness witness_in(std::string_view text, std::size_t inputs) {
  std::vector<std::optional<double>> values(inputs);
  for (std::string_view name = take_word(text); !name.empty(); name = take_word(text)) {
    const std::string_view word = take_word(text);
    const auto index = as_number<std::size_t>(name.substr(std::min<std::size_t>(2, name.size())));
    if (!index || !(name.starts_with("X_") || name.starts_with("Y_"))) {
      return faulty(fmt::format("its witness has '{}' where X_0, Y_0 and so on are expected", shown(name)));
    }
    if (name.starts_with('Y')) continue;
    const auto value = as_number<double>(word);
    if (*index >= inputs) return faulty(fmt::format("its witness names {} of {} inputs", shown(name), inputs));
    if (!value || !std::isfinite(*value)) {
      return faulty(fmt::format("its witness gives {} as '{}', which is no number", shown(name), shown(word)));
    }
    if (values[*index]) return faulty(fmt::format("its witness gives {} twice", shown(name)));
    values[*index] = value;
  }
  Witness out;
  for (std::size_t i = 0; i < inputs; ++i) {
    if (!values[i]) return faulty(fmt::format("its witness does not give X_{}", i));
    out.point.push_back(*values[i]);
  }
  return out;
}

/// How far the point lies outside; it is moved to the nearest one inside.
double move_into(const Box& box, std::vector<double>& point) {
  double farthest = 0;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const Interval range = box.hull()[i];
    const double inside = std::clamp(point[i], range.low, range.high);
    farthest = std::max(farthest, std::abs(point[i] - inside));
    point[i] = inside;
  }
  return farthest;
}

/// A point of floats in the box, replayed. Nothing when it is no violation.
std::optional<std::vector<float>> violation_near(const std::vector<double>& point, const Question& question,
                                                 const Network& network) {
  auto floats = question.box->round_into(point);
  if (!floats) return std::nullopt;
  const std::vector<double> exact(floats->begin(), floats->end());
  Property there = property_of(question, network);
  there.boxes = {{exact, exact}};
  if (replay(network, exact, there).over_reals != Holds::yes) return std::nullopt;
  return floats;
}

Answer answer_to_sat(std::string_view text, const Question& question, const Network& network) {
  const auto inputs = static_cast<std::size_t>(element_count(network.input_shape()));
  std::string_view rest = text;
  if (take_word(rest).empty()) return refused("gives no witness");
  const Witness witness = witness_in(text, inputs);
  if (!witness.fault.empty()) return refused(witness.fault);
  std::vector<double> inside = witness.point;
  const double outside_by = move_into(*question.box, inside);
  if (outside_by <= kForgiven) {
    if (auto floats = violation_near(inside, question, network)) {
      Answer answer = answered(Verdict::counterexample, "");
      if (outside_by > 0) {
        answer.message = fmt::format(
            "the tool's witness lies {:.2g} outside the box; the nearest point in it is one too", outside_by);
      }
      answer.witness = std::move(floats);
      return answer;
    }
  }
  const Replay replayed = replay(network, witness.point, property_of(question, network));
  if (replayed.over_reals == Holds::yes) {
    return answered(
        Verdict::unknown,
        "the tool's counterexample holds at a point that has no floats; at the floats next to it there is none");
  }
  return refused("its witness, replayed, is none: " + replayed.reason);
}

}  // namespace

Property property_of(const Question& question, const Network& network) {
  Property property;
  property.inputs = element_count(network.input_shape());
  property.outputs = element_count(network.output_shape());
  Property::Box& box = property.boxes.emplace_back();
  for (const Interval range : question.box->hull()) {
    box.low.push_back(outward(range.low, -HUGE_VAL));
    box.high.push_back(outward(range.high, HUGE_VAL));
  }
  property.cases = violations(question, property.outputs);
  return property;
}

std::string shown(std::string_view bytes) {
  constexpr std::size_t kMost = 160;
  std::string out(bytes.substr(0, kMost));
  std::ranges::replace_if(
      out, [](char c) { return c < ' ' || c > '~'; }, '?');
  return bytes.size() > kMost ? out + "..." : out;
}

Answer answer_of(std::string_view results, const Question& question, const Network& network) {
  const std::string_view word = take_line(results);
  if (word == "unsat" || word == "holds") {
    return answered(Verdict::robust, "the tool's own word, which nothing here certifies");
  }
  if (word == "sat" || word == "violated") return answer_to_sat(results, question, network);
  if (word == "unknown") return answered(Verdict::unknown, "the tool says 'unknown'");
  if (word == "timeout") return answered(Verdict::timeout, "the tool says 'timeout'");
  if (word == "error") return answered(Verdict::error, "the tool says 'error'");
  return answered(
      Verdict::error,
      fmt::format("the tool's results begin with '{}', expected unsat, sat, unknown, timeout or error", shown(word)));
}

}  // namespace espalier::external
