// SPDX-License-Identifier: Apache-2.0
// What was found here, as rows of values.
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "compare.hpp"

namespace espalier::report {
namespace {

std::vector<std::string> sorted(const std::set<std::string>& names) {
  return {names.begin(), names.end()};
}

void require_value(const std::vector<Source>& sources, const std::string& axis, const std::string& value,
                   const std::string& place) {
  require_label(sources, axis, place);
  std::set<std::string> values;
  for (const Source& source : sources) {
    const auto it = source.gathered->labels.find(axis);
    if (it == source.gathered->labels.end()) continue;
    if (same_label(it->second, value)) return;
    values.insert(it->second);
  }
  throw Error(Code::request, fmt::format("{} wants '{}={}', which no input has", place, axis, value),
              fmt::format("'{}' is {}", axis, listed_names(sorted(values), kNamesShown)));
}

/// Why a quantity found nothing at all.
[[noreturn]] void explain_nothing(const std::vector<Source>& sources, const Quantity& quantity) {
  std::set<std::string> names;
  std::set<std::string> makers;
  for (const Source& source : sources) {
    if (is_meant(source, quantity)) {
      const auto own = names_in(source);
      names.insert(own.begin(), own.end());
    }
    if (!source.maker.empty()) makers.insert(source.maker);
    if (const auto it = source.gathered->labels.find("name"); it != source.gathered->labels.end()) {
      makers.insert(it->second);
    }
  }
  if (!names.empty()) {
    throw Error(Code::request, fmt::format("no input has a value '{}' for '{}'", quantity.name, quantity.written),
                "there are " + listed_names(sorted(names), kNamesShown));
  }
  throw Error(Code::request, fmt::format("no input is meant by '{}'", quantity.written),
              makers.empty() ? "give it at 'metrics', 'attacks' or 'verdicts'"
                             : "there are " + listed_names(sorted(makers), kNamesShown));
}

/// "'accuracy' is in metrics and in verdicts" must not be decided by chance.
void require_one_port(const std::set<std::string>& ports, const Quantity& quantity) {
  if (ports.size() < 2) return;
  throw Error(Code::request, fmt::format("'{}' is a value of {}", quantity.written, listed_names(sorted(ports), 3)),
              fmt::format("write '{}.{}'", *ports.begin(), quantity.name));
}

using Key = std::vector<std::string>;

Key key_of(const Source& source, const std::vector<RowLabel>& rows) {
  Key out;
  for (const RowLabel& row : rows) {
    const auto it = source.gathered->labels.find(row.ours);
    out.push_back(it == source.gathered->labels.end() ? std::string() : it->second);
  }
  return out;
}

/// Rows by their labels, compared in the order in which their values first appeared.
class Rows {
 public:
  explicit Rows(std::size_t labels) : seen_(labels) {}

  void add(const Key& key, std::size_t column, const Reading& reading) {
    std::vector<std::size_t> place;
    for (std::size_t i = 0; i < key.size(); ++i) place.push_back(place_of(seen_[i], key[i]));
    readings_[place][column].push_back(reading);
    keys_[place] = key;
  }

  std::vector<OurRow> take(const std::vector<Column>& columns) const {
    std::vector<OurRow> out;
    for (const auto& [place, cells] : readings_) {
      OurRow row{.labels = keys_.at(place), .values = {}};
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const auto it = cells.find(i);
        row.values.push_back(it == cells.end() ? Reading{std::numeric_limits<double>::quiet_NaN(), {}}
                                               : combined(it->second, columns[i].quantity, spoken(row.labels)));
      }
      out.push_back(std::move(row));
    }
    return out;
  }

 private:
  static std::size_t place_of(Key& seen, const std::string& value) {
    const auto it = std::ranges::find(seen, value);
    const auto place = static_cast<std::size_t>(it - seen.begin());
    if (it == seen.end()) seen.push_back(value);
    return place;
  }

  static std::string spoken(const Key& labels) {
    std::string out;
    for (const std::string& label : labels) out += (out.empty() ? "" : " ") + label;
    return out;
  }

  std::vector<Key> seen_;  ///< the values of each label
  std::map<std::vector<std::size_t>, std::map<std::size_t, std::vector<Reading>>> readings_;
  std::map<std::vector<std::size_t>, Key> keys_;
};

}  // namespace

std::vector<OurRow> rows_of(const Comparison& comparison, const std::vector<Source>& sources) {
  if (sources.empty()) throw Error(Code::request, "a table of nothing", "give 'metrics', 'attacks' or 'verdicts'");
  for (const RowLabel& row : comparison.rows) require_label(sources, row.ours, "'rows'");
  for (const auto& [axis, value] : comparison.where) require_value(sources, axis, value, "'where'");
  Rows rows(comparison.rows.size());
  for (std::size_t i = 0; i < comparison.columns.size(); ++i) {
    const Quantity& quantity = comparison.columns[i].quantity;
    for (const auto& [axis, value] : quantity.where) require_value(sources, axis, value, "'" + quantity.written + "'");
    std::set<std::string> ports;
    for (const Source& source : sources) {
      if (!is_meant(source, quantity) || !agree(source.gathered->labels, comparison.where)) continue;
      const auto reading = read(source, quantity.name);
      if (!reading) continue;
      ports.insert(source.port);
      rows.add(key_of(source, comparison.rows), i, *reading);
    }
    if (ports.empty()) explain_nothing(sources, quantity);
    require_one_port(ports, quantity);
  }
  return rows.take(comparison.columns);
}

}  // namespace espalier::report
