// SPDX-License-Identifier: Apache-2.0
#include "tables.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "sheet.hpp"
#include "verdict_table.hpp"

namespace espalier::report {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

double share(double part, double whole) {
  return whole > 0 ? part / whole : kNothing;
}

/// A value within boxes is the first of a series, which stands beside the boxes' sizes: of other sizes it is another
/// column.
std::string value_name(const Metrics& metrics, const std::string& name) {
  const auto sizes = metrics.series.find("epsilon");
  if (sizes == metrics.series.end() || sizes->second.empty() || !metrics.series.contains(name)) return spoken(name);
  return fmt::format("{} (epsilon {:g})", spoken(name), sizes->second.front());
}

/// Accuracy first, then robustness, then the sizes.
Table variants(const Findings& findings) {
  Sheet sheet(Unlabelled::numbered);
  for (const Gathered& g : findings.metrics) {
    const auto& values = g.as<Metrics>().values;
    Cells cells;
    if (const auto it = values.find("accuracy"); it != values.end()) cells.emplace_back("accuracy", number(it->second));
    sheet.put(g.labels, cells);
  }
  for (const Gathered& g : findings.attacks) {
    const auto& attacks = g.as<Attacks>();
    const double robustness = attacks.rows.empty() ? kNothing : attacks.robustness();
    sheet.put(g.labels, {{robustness_name(attacks), number(robustness)}});
  }
  for (const Gathered& g : findings.metrics) {
    Cells cells;
    const auto& metrics = g.as<Metrics>();
    for (const auto& [name, value] : metrics.values) {
      if (name != "accuracy") cells.emplace_back(value_name(metrics, name), number(value));
    }
    if (!cells.empty()) sheet.put(g.labels, cells);
  }
  return sheet.table("variants", "Variants");
}

Cells attack_cells(const Attacks& attacks) {
  double correct = 0;
  double found = 0;
  double distance = 0;
  for (const auto& row : attacks.rows) {
    if (row.predicted == row.label) ++correct;
    if (!row.found) continue;
    ++found;
    distance += row.distance;
  }
  const auto images = static_cast<double>(attacks.rows.size());
  return {{"method", attacks.method},
          {"radius", number(attacks.epsilon)},
          {"images", number(images)},
          {"correct", number(correct)},
          {"adversarial found", number(found)},
          {"robustness", number(images > 0 ? attacks.robustness() : kNothing)},
          {"mean distance", number(share(distance, found))}};
}

/// The radius of all rows, or nothing when they differ.
Cell radius_of(const Verdicts& verdicts) {
  if (verdicts.rows.empty()) return {};
  const double first = verdicts.rows.front().epsilon;
  const bool same = std::ranges::all_of(verdicts.rows, [&](const auto& row) { return row.epsilon == first; });
  return same ? number(first) : Cell{"mixed"};
}

Cells verdict_cells(const Verdicts& verdicts) {
  Cells cells{{"solver", verdicts.solver}, {"radius", radius_of(verdicts)}, {"budget s", budget_of(verdicts)}};
  const auto counts = verdicts.counts();
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto name = to_text(static_cast<Verdict>(i));
    cells.emplace_back(std::string(name), number(static_cast<double>(counts[i])));
  }
  double seconds = 0;
  for (const auto& row : verdicts.rows) seconds += row.seconds;
  const auto count = static_cast<double>(verdicts.rows.size());
  cells.emplace_back("of", number(count));
  cells.emplace_back("mean seconds", number(share(seconds, count)));
  return cells;
}

/// Where training ended.
Cells last_values(const Metrics& history) {
  Cells cells;
  std::size_t epochs = 0;
  for (const auto& [name, values] : history.series) epochs = std::max(epochs, values.size());
  cells.emplace_back("epochs", number(static_cast<double>(epochs)));
  for (const auto& [name, value] : history.values) cells.emplace_back(spoken(name), number(value));
  for (const auto& [name, values] : history.series) {
    cells.emplace_back("last " + spoken(name), values.empty() ? Cell{} : number(values.back()));
  }
  return cells;
}

/// A row an element of the series, but for those left out. `counter` names the column that counts them, from 1.
Table series(const std::vector<Gathered>& all, const std::string& counter, std::string name, std::string caption,
             const std::vector<std::string>& left_out = {}) {
  Sheet sheet(Unlabelled::plain);
  double run = 0;
  for (const Gathered& g : all) {
    ++run;
    auto lines = g.as<Metrics>().series;
    for (const std::string& column : left_out) lines.erase(column);
    std::size_t length = 0;
    for (const auto& [column, values] : lines) length = std::max(length, values.size());
    for (std::size_t i = 0; i < length; ++i) {
      Cells cells;
      if (g.labels.empty() && all.size() > 1) cells.emplace_back("run", number(run));
      cells.emplace_back(counter, number(static_cast<double>(i + 1)));
      for (const auto& [column, values] : lines) {
        cells.emplace_back(spoken(column), i < values.size() ? number(values[i]) : Cell{});
      }
      sheet.append(g.labels, cells);
    }
  }
  return sheet.table(std::move(name), std::move(caption));
}

template <class T>
Table one_row_each(const std::vector<Gathered>& all, Cells (*cells)(const T&), std::string name, std::string caption) {
  Sheet sheet(Unlabelled::numbered);
  for (const Gathered& g : all) sheet.append(g.labels, cells(g.as<T>()));
  return sheet.table(std::move(name), std::move(caption));
}

void keep(std::vector<ResultTable>& tables, Table table) {
  if (!table.rows.empty()) tables.push_back(plain(std::move(table)));
}

}  // namespace

std::string spoken(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string robustness_name(const Attacks& attacks) {
  const std::size_t count = attacks.rows.size();
  return fmt::format("robustness ({}, {:g}, {} image{})", attacks.method, attacks.epsilon, count,
                     count == 1 ? "" : "s");
}

Tables tables_of(const Findings& findings) {
  Tables out;
  keep(out.shown, variants(findings));
  auto beside = verdicts_by_verifier(findings.verdicts);
  auto& counted = beside ? out.kept : out.shown;
  if (beside) out.shown.push_back(std::move(*beside));
  keep(counted, one_row_each<Verdicts>(findings.verdicts, verdict_cells, "verdicts", "Verdicts"));
  keep(out.shown, one_row_each<Attacks>(findings.attacks, attack_cells, "attacks", "Attacks"));
  keep(out.shown, series(findings.metrics, "point", "measured", "Measured at several points"));
  keep(out.shown, one_row_each<Metrics>(findings.history, last_values, "training", "Training"));
  keep(out.kept, series(findings.history, "epoch", "history", "Training, epoch by epoch"));
  // What else they say is which network and which pixels they are true of.
  keep(out.kept, series(findings.distances, "entry", "distances", "Distances, image by image", {"network", "pixels"}));
  return out;
}

}  // namespace espalier::report
