// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include "core/text.hpp"

namespace espalier::pipeline {
namespace {

std::string_view without_axes(std::string_view name) {
  return name.substr(0, name.find('@'));
}

/// The last part of a name, with its axes. Axis values may have dots, so the dot is looked for before '@'.
std::string_view short_name(std::string_view name) {
  return name.substr(without_axes(name).rfind('.') + 1);
}

}  // namespace

std::optional<int> Plan::find(std::string_view name) const {
  // What fits best wins; among those that fit equally well, there must be just one.
  std::optional<int> best;
  int best_fit = 0;
  bool unique = false;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::string_view full = nodes_[i].name;
    if (full == name) return static_cast<int>(i);
    int fit = 0;
    if (without_axes(full) == name || without_axes(short_name(full)) == name) fit = 1;
    if (short_name(full) == name) fit = 2;
    if (fit == 0 || fit < best_fit) continue;
    unique = fit > best_fit;
    best_fit = fit;
    best = static_cast<int>(i);
  }
  return unique ? best : std::nullopt;
}

std::vector<int> Plan::matching(std::string_view glob) const {
  std::vector<int> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::string_view full = nodes_[i].name;
    for (const std::string_view name : {full, without_axes(full), short_name(full), without_axes(short_name(full))}) {
      if (!core::matches_glob(glob, name)) continue;
      out.push_back(static_cast<int>(i));
      break;
    }
  }
  return out;
}

std::vector<std::string> Plan::node_names() const {
  std::vector<std::string> out;
  out.reserve(nodes_.size());
  for (const PlanNode& node : nodes_) out.push_back(node.name);
  return out;
}

Span Plan::place_of(int node, std::string_view parameter) const {
  const auto& places = places_[static_cast<std::size_t>(nodes_[static_cast<std::size_t>(node)].section)];
  const auto it = places.find(parameter);
  return it == places.end() ? Span{} : it->second;
}

}  // namespace espalier::pipeline
