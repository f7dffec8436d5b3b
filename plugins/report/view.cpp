// SPDX-License-Identifier: Apache-2.0
#include "view.hpp"

#include <charconv>

#include <espalier/results.hpp>

namespace espalier::report {
namespace {

/// A number alone does not say what it is.
bool speaks_for_itself(const std::string& axis, const std::string& value) {
  if (axis == "name" || axis == "variant") return true;
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool is_number = error == std::errc() && end == value.data() + value.size();
  return !is_number && value != "true" && value != "false";
}

void add(std::string& out, const std::string& axis, const std::string& value) {
  if (!out.empty()) out += ", ";
  if (!speaks_for_itself(axis, value)) out += axis + " ";
  out += value;
}

}  // namespace

std::string labels_text(const Labels& labels) {
  std::string out;
  for (const char* first : {"name", "variant"}) {
    if (const auto it = labels.find(first); it != labels.end()) add(out, it->first, it->second);
  }
  for (const auto& [axis, value] : labels) {
    if (axis != "name" && axis != "variant") add(out, axis, value);
  }
  return out;
}

Labels without(Labels labels, const std::vector<std::string>& axes) {
  for (const std::string& axis : axes) labels.erase(axis);
  return labels;
}

std::string View::facet(const Labels& labels) const {
  std::string out;
  for (const std::string& axis : facets) {
    if (const auto it = labels.find(axis); it != labels.end()) add(out, axis, it->second);
  }
  return out;
}

std::string View::row(const Labels& labels) const {
  return labels_text(without(labels, facets));
}

std::string View::colour_of(const Labels& labels) const {
  if (const auto it = labels.find(colour); it != labels.end()) return it->second;
  if (const auto it = labels.find("name"); it != labels.end() && !colour.empty()) return it->second;
  return row(labels);
}

std::string View::style(const Labels& labels) const {
  if (colour.empty()) return {};
  return row(without(labels, {labels.contains(colour) ? colour : "name"}));
}

std::string verifier_of(const Gathered& verdicts) {
  const auto it = verdicts.labels.find("name");
  return it == verdicts.labels.end() ? verdicts.as<Verdicts>().solver : it->second;
}

}  // namespace espalier::report
