// SPDX-License-Identifier: Apache-2.0
#include <espalier/results.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

Tensor numbers(std::vector<double> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::of<double>({count}, std::move(values));
}

void require_new(bool inserted, const std::string& name) {
  if (!inserted) throw Error(Code::damaged, fmt::format("there are two metrics '{}'", name));
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
    for (std::size_t i = 0; i < names.size(); ++i) require_new(out.values.emplace(names[i], all[i]).second, names[i]);
    const auto& series_names = fields.texts("series_names");
    for (std::size_t i = 0; i < series_names.size(); ++i) {
      const auto history = artifact::column<double>(fields, fmt::format("series/{}", i));
      std::vector<double> copy(history.begin(), history.end());
      require_new(out.series.emplace(series_names[i], std::move(copy)).second, series_names[i]);
    }
    return out;
  });
}

}  // namespace espalier::inline v1
