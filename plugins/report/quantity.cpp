// SPDX-License-Identifier: Apache-2.0
#include "quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include <espalier/results.hpp>

namespace espalier::report {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

using Values = std::vector<double>;

double sum(const Values& v) {
  return std::accumulate(v.begin(), v.end(), 0.0);
}

double mean(const Values& v) {
  return v.empty() ? kNothing : sum(v) / static_cast<double>(v.size());
}

/// Of a sample: the divisor is n - 1.
double deviation(const Values& v) {
  if (v.size() < 2) return kNothing;
  const double middle = mean(v);
  double squares = 0;
  for (const double x : v) squares += (x - middle) * (x - middle);
  return std::sqrt(squares / static_cast<double>(v.size() - 1));
}

double median(Values v) {
  if (v.empty()) return kNothing;
  std::ranges::sort(v);
  const std::size_t half = v.size() / 2;
  return v.size() % 2 == 1 ? v[half] : (v[half - 1] + v[half]) / 2;
}

double least(const Values& v) {
  return v.empty() ? kNothing : *std::ranges::min_element(v);
}

double most(const Values& v) {
  return v.empty() ? kNothing : *std::ranges::max_element(v);
}

struct Function {
  std::string_view name;
  double (*of)(const Values&);
};
constexpr std::array<Function, 6> kFunctions{{{"mean", mean},
                                              {"std", deviation},
                                              {"median", [](const Values& v) { return median(v); }},
                                              {"sum", sum},
                                              {"min", least},
                                              {"max", most}}};

const Function* function_named(std::string_view name) {
  const auto* const it = std::ranges::find(kFunctions, name, &Function::name);
  return it == kFunctions.end() ? nullptr : it;
}

std::map<std::string, Reading> values_of(const Attacks& attacks) {
  double correct = 0;
  Values distances;
  for (const auto& row : attacks.rows) {
    if (row.predicted == row.label) ++correct;
    if (row.found) distances.push_back(row.distance);
  }
  const auto images = static_cast<double>(attacks.rows.size());
  return {{"images", {images, {}}},
          {"correct", {correct, {}}},
          {"found", {static_cast<double>(distances.size()), {}}},
          {"robustness", {images > 0 ? attacks.robustness() : kNothing, {}}},
          {"mean_distance", {mean(distances), {}}}};
}

bool is_solved(const Verdicts::Row& row) {
  return row.verdict == Verdict::robust || row.verdict == Verdict::counterexample;
}

std::map<std::string, Reading> values_of(const Verdicts& verdicts) {
  Values seconds;
  Values solved;
  for (const auto& row : verdicts.rows) {
    seconds.push_back(row.seconds);
    if (is_solved(row)) solved.push_back(row.seconds);
  }
  const auto counts = verdicts.counts();
  const bool errors = counts[static_cast<std::size_t>(Verdict::error)] > 0;
  std::map<std::string, Reading> out{
      {"questions", {static_cast<double>(seconds.size()), {}}},
      {"solved", {static_cast<double>(solved.size()), errors ? "*" : ""}},
      {"solved_share",
       {seconds.empty() ? kNothing : static_cast<double>(solved.size()) / static_cast<double>(seconds.size()),
        errors ? "*" : ""}},
      {"mean_seconds", {mean(seconds), {}}},
      {"median_seconds", {median(seconds), {}}},
      {"max_seconds", {most(seconds), {}}},
      {"total_seconds", {sum(seconds), {}}},
      {"mean_solved_seconds", {mean(solved), {}}}};
  for (std::size_t i = 0; i < counts.size(); ++i) {
    out[std::string(to_text(static_cast<Verdict>(i)))] = {static_cast<double>(counts[i]), {}};
  }
  for (const auto& [name, values] : verdicts.numbers) {
    Values told;
    std::ranges::copy_if(values, std::back_inserter(told), [](double x) { return !std::isnan(x); });
    out["mean_" + name] = {mean(told), {}};
    out["count_" + name] = {static_cast<double>(told.size()), {}};
  }
  return out;
}

std::map<std::string, Reading> values_of(const Metrics& metrics) {
  std::map<std::string, Reading> out;
  for (const auto& [name, value] : metrics.values) out[name] = {value, {}};
  return out;
}

std::map<std::string, Reading> values_of(const Source& source) {
  if (source.port == "attacks") return values_of(source.gathered->as<Attacks>());
  if (source.port == "verdicts") return values_of(source.gathered->as<Verdicts>());
  return values_of(source.gathered->as<Metrics>());
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// What stands before `mark`; `text` keeps what stands behind it, or nothing.
std::string_view cut(std::string_view& text, std::string_view mark) {
  const auto at = text.find(mark);
  const std::string_view before = text.substr(0, at);
  text.remove_prefix(at == text.npos ? text.size() : at + mark.size());
  return trimmed(before);
}

std::optional<double> number_in(const std::string& text) {
  double out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(out) : std::nullopt;
}

bool is_called(const Source& source, const std::string& name) {
  const auto given = source.gathered->labels.find("name");
  if (given != source.gathered->labels.end() && given->second == name) return true;
  return source.maker == name;
}

}  // namespace

std::vector<Source> sources_of(const Findings& findings) {
  std::vector<Source> out;
  for (const Gathered& g : findings.metrics) out.push_back({&g, "metrics", {}});
  for (const Gathered& g : findings.attacks) out.push_back({&g, "attacks", g.as<Attacks>().method});
  for (const Gathered& g : findings.verdicts) out.push_back({&g, "verdicts", g.as<Verdicts>().solver});
  for (const Gathered& g : findings.history) out.push_back({&g, "history", {}});
  for (const Gathered& g : findings.distances) out.push_back({&g, "distances", {}});
  return out;
}

void require_label(const std::vector<Source>& sources, const std::string& axis, const std::string& place) {
  std::set<std::string> axes;
  for (const Source& source : sources) {
    for (const auto& [name, value] : source.gathered->labels) axes.insert(name);
  }
  if (axes.contains(axis)) return;
  throw Error(Code::request, fmt::format("{} names the label '{}', which no input has", place, axis),
              axes.empty() ? "the inputs have no labels"
                           : "the inputs have " + listed_names({axes.begin(), axes.end()}, kNamesShown));
}

std::vector<std::string> names_in(const Source& source) {
  std::vector<std::string> out;
  for (const auto& [name, reading] : values_of(source)) out.push_back(name);
  return out;
}

std::optional<Reading> read(const Source& source, const std::string& name) {
  const auto values = values_of(source);
  const auto it = values.find(name);
  return it == values.end() ? std::nullopt : std::optional(it->second);
}

std::pair<std::string, std::string> label_of(const std::string& text, const std::string& place) {
  std::string_view value = text;
  const auto axis = cut(value, "=");
  if (!axis.empty() && text.find('=') != text.npos) return {std::string(axis), std::string(trimmed(value))};
  throw Error(Code::request, fmt::format("'{}' in {} is no label", text, place), "write 'axis=value'");
}

Quantity quantity_of(const std::string& text) {
  Quantity out{.written = text, .function = {}, .port = {}, .name = {}, .of = {}, .where = {}};
  std::string_view rest = trimmed(text);
  if (const auto open = rest.find('('); open != rest.npos && rest.ends_with(')')) {
    out.function = trimmed(rest.substr(0, open));
    rest = rest.substr(open + 1, rest.size() - open - 2);
    if (function_named(out.function) == nullptr) {
      throw Error(Code::request, fmt::format("'{}' asks for '{}' of a value", text, out.function),
                  "there are mean, std, median, sum, min and max");
    }
  }
  std::string_view labels = rest;
  rest = cut(labels, "@");
  while (!labels.empty()) out.where.insert(label_of(std::string(cut(labels, ",")), "'" + text + "'"));
  std::string_view of = rest;
  rest = cut(of, " of ");
  out.of = trimmed(of);
  for (const std::string_view port : {"metrics.", "attacks.", "verdicts."}) {
    if (!rest.starts_with(port)) continue;
    out.port = port.substr(0, port.size() - 1);
    rest.remove_prefix(port.size());
  }
  out.name = rest;
  if (out.name.empty()) {
    throw Error(Code::request, fmt::format("column '{}' names no value", text), "write 'accuracy', 'solved of SOLVER'");
  }
  return out;
}

bool same_label(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto x = number_in(a);
  const auto y = number_in(b);
  return x && y && *x == *y;
}

bool agree(const Labels& labels, const Labels& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& label) {
    const auto it = labels.find(label.first);
    return it == labels.end() || same_label(it->second, label.second);
  });
}

bool is_meant(const Source& source, const Quantity& quantity) {
  if (!quantity.port.empty() && quantity.port != source.port) return false;
  if (!quantity.of.empty() && !is_called(source, quantity.of)) return false;
  return agree(source.gathered->labels, quantity.where);
}

Reading combined(const std::vector<Reading>& readings, const Quantity& quantity, const std::string& place) {
  Values values;
  std::string mark;
  for (const Reading& reading : readings) {
    if (!std::isnan(reading.value)) values.push_back(reading.value);
    if (!reading.mark.empty()) mark = reading.mark;
  }
  if (const Function* function = function_named(quantity.function)) return {function->of(values), mark};
  if (values.empty()) return {kNothing, mark};
  if (least(values) == most(values)) return {values.front(), mark};
  throw Error(Code::request,
              fmt::format("'{}' has {} values for {}, from {:g} to {:g}", quantity.written, values.size(),
                          place.empty() ? "the one row" : place, least(values), most(values)),
              fmt::format("add an axis to 'rows', choose with '{0}@axis=value' or '{0} of NAME', or write 'mean({0})'",
                          quantity.name));
}

std::string listed_names(const std::vector<std::string>& names, std::size_t most) {
  std::string out;
  const std::size_t shown = std::min(names.size(), most);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == names.size() ? " and " : ", ";
    out += "'" + names[i] + "'";
  }
  if (shown < names.size()) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

}  // namespace espalier::report
