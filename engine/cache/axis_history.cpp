// SPDX-License-Identifier: Apache-2.0
#include "cache/axis_history.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pipeline/axes.hpp"

namespace espalier::cache {
namespace {

using Labels = std::vector<std::string>;

/// Calls `take(axis, value)` for each axis in "stage.node@axis=value,axis=value". No value holds one of these signs.
template <class Take>
void each_axis(std::string_view name, Take take) {
  const auto at = name.find('@');
  std::string_view rest = at == std::string_view::npos ? "" : name.substr(at + 1);
  while (!rest.empty()) {
    const std::string_view part = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    const auto equals = part.find('=');
    if (equals != std::string_view::npos) {
      take(std::string(part.substr(0, equals)), std::string(part.substr(equals + 1)));
    }
  }
}

/// Numbers by size and before words.
bool comes_before(const std::string& a, const std::string& b) {
  const auto number = [](const std::string& text) -> std::optional<double> {
    double out = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
  };
  const auto x = number(a);
  const auto y = number(b);
  if (x && y) return *x < *y;
  return x || y ? x.has_value() : a < b;
}

Labels without(const Labels& all, const Labels& taken) {
  Labels out;
  std::ranges::copy_if(all, std::back_inserter(out),
                       [&](const std::string& value) { return std::ranges::find(taken, value) == taken.end(); });
  std::ranges::sort(out, comes_before);
  return out;
}

}  // namespace

AxisHistory::AxisHistory(const std::vector<pipeline::Axis>& axes, std::set<std::string> before)
    : names_(std::move(before)) {
  for (const std::string& name : names_) {
    each_axis(name, [&](const std::string& axis, std::string value) { axes_[axis].before.insert(std::move(value)); });
  }
  for (const pipeline::Axis& axis : axes) {
    Values& values = axes_[axis.name];
    const Labels now = pipeline::value_labels(axis);
    const Labels then(values.before.begin(), values.before.end());
    const Labels gone = without(then, now);
    const Labels fresh = without(now, then);
    // Where more came than went, or fewer, nobody can tell which took whose place.
    for (std::size_t i = 0; gone.size() == fresh.size() && i < fresh.size(); ++i) values.replaced[fresh[i]] = gone[i];
  }
}

std::optional<AxisHistory::Former> AxisHistory::former(const pipeline::PlanNode& node) const {
  Former out;
  bool is_new = false;
  std::string name = node.name.substr(0, node.name.find('@'));
  char separator = '@';
  for (const auto& [axis, value] : node.axes) {
    const auto known = axes_.find(axis);
    if (known == axes_.end()) continue;  // 'shard' of a node that was in one piece: its parameters tell
    const Values& values = known->second;
    std::string before = value;
    if (const auto replaced = values.replaced.find(value); replaced != values.replaced.end()) {
      before = replaced->second;
      out.changes.push_back({axis, fmt::format("axis '{}' changed: {} -> {}", axis, before, value)});
    } else if (values.before.empty()) {
      out.changes.push_back({axis, fmt::format("axis '{}' is new: {}", axis, value)});
      continue;
    } else if (!values.before.contains(value)) {
      Labels had(values.before.begin(), values.before.end());
      std::ranges::sort(had, comes_before);
      is_new = true;
      out.changes.push_back(
          {axis, fmt::format("new axis value: '{}' = {}; the last run had {}", axis, value, fmt::join(had, ", "))});
    }
    name += fmt::format("{}{}={}", std::exchange(separator, ','), axis, before);
  }
  if (out.changes.empty()) return std::nullopt;
  if (!is_new && names_.contains(name)) out.name = name;
  return out;
}

}  // namespace espalier::cache
