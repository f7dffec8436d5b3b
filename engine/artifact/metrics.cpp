// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <espalier/results.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

Tensor numbers(std::vector<double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::of<double>({count}, std::move(values));
}

/// The order of the names is that of the map, so that what is read is what was digested.
void require_sorted(const std::vector<std::string>& names) {
  const auto late = std::ranges::adjacent_find(names, std::ranges::greater_equal());
  if (late == names.end()) return;
  throw Error(Code::damaged, fmt::format("metric '{}' comes before '{}'", late[0], late[1]));
}

}  // namespace

/// Names of metrics may hold any character, so they are lists of texts beside the numbers and not names of fields.
Fields Metrics::to_fields() const {
  Fields fields;
  std::vector<std::string> names;
  std::vector<double> all;
  for (const auto& [name, value] : values) {
    names.push_back(name);
    all.push_back(value);
  }
  fields.set("value_names", std::move(names));
  fields.set("values", numbers(std::move(all)));
  std::vector<std::string> series_names;
  for (const auto& [name, history] : series) {
    fields.set(fmt::format("series/{}", series_names.size()), numbers(history));
    series_names.push_back(name);
  }
  fields.set("series_names", std::move(series_names));
  return fields;
}

Metrics Metrics::from_fields(const Fields& fields) {
  return artifact::decoded<Metrics>(fields, [&] {
    Metrics out;
    const auto& names = fields.texts("value_names");
    const auto all = artifact::column<double>(fields, "values", static_cast<std::int64_t>(names.size()));
    require_sorted(names);
    for (std::size_t i = 0; i < names.size(); ++i) out.values.emplace(names[i], all[i]);
    const auto& series_names = fields.texts("series_names");
    require_sorted(series_names);
    for (std::size_t i = 0; i < series_names.size(); ++i) {
      const auto history = artifact::column<double>(fields, fmt::format("series/{}", i));
      out.series.emplace(series_names[i], std::vector<double>(history.begin(), history.end()));
    }
    return out;
  });
}

}  // namespace espalier::inline v1
