// SPDX-License-Identifier: Apache-2.0
#include "verdict_table.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <espalier/results.hpp>

#include "sheet.hpp"
#include "view.hpp"

namespace espalier::report {
namespace {

constexpr std::array<const char*, 5> kColumns{"robust", "refuted", "open", "mean s", "budget s"};

using Counts = std::array<Cell, kColumns.size()>;

Counts counts_of(const Verdicts& verdicts) {
  const auto counts = verdicts.counts();
  const auto count = [&](Verdict verdict) { return static_cast<double>(counts[static_cast<std::size_t>(verdict)]); };
  double seconds = 0;
  for (const auto& row : verdicts.rows) seconds += row.seconds;
  const auto all = static_cast<double>(verdicts.rows.size());
  const double robust = count(Verdict::robust);
  const double refuted = count(Verdict::counterexample);
  Counts out{number(robust), number(refuted), number(all - robust - refuted), {}, budget_of(verdicts)};
  if (count(Verdict::error) > 0) out[2] = cell_text(out[2]) + "*";
  if (all > 0) out[3] = Number{seconds / all, seconds / all < 10 ? 3 : 1};
  return out;
}

struct Row {
  Labels labels;
  std::map<std::string, Counts> by_verifier;
};

/// Answers of one verifier to two questions about the same labels are two rows.
std::vector<Row> rows_of(const std::vector<Gathered>& verdicts) {
  std::vector<Row> out;
  for (const Gathered& g : verdicts) {
    const Labels labels = without(g.labels, {"name"});
    const std::string verifier = verifier_of(g);
    const auto has_room = [&](const Row& row) { return row.labels == labels && !row.by_verifier.contains(verifier); };
    auto it = std::ranges::find_if(out, has_room);
    if (it == out.end()) it = out.insert(it, Row{.labels = labels, .by_verifier = {}});
    it->by_verifier[verifier] = counts_of(g.as<Verdicts>());
  }
  return out;
}

std::vector<std::string> verifiers_of(const std::vector<Gathered>& verdicts) {
  std::vector<std::string> out;
  for (const Gathered& g : verdicts) {
    std::string verifier = verifier_of(g);
    if (std::ranges::find(out, verifier) == out.end()) out.push_back(std::move(verifier));
  }
  return out;
}

}  // namespace

Cell budget_of(const Verdicts& verdicts) {
  return verdicts.budget_s > 0 ? number(verdicts.budget_s) : Cell{};
}

std::optional<ResultTable> verdicts_by_verifier(const std::vector<Gathered>& verdicts) {
  const auto verifiers = verifiers_of(verdicts);
  if (verifiers.size() < 2) return std::nullopt;
  const auto rows = rows_of(verdicts);
  std::set<std::string> axes;
  for (const Row& row : rows) {
    for (const auto& [axis, value] : row.labels) axes.insert(axis);
  }
  ResultTable out;
  out.table = {
      .name = "verdicts_by_verifier", .caption = "Verdicts", .columns = {axes.begin(), axes.end()}, .rows = {}};
  out.groups.resize(axes.size());
  for (const std::string& verifier : verifiers) {
    out.groups.insert(out.groups.end(), kColumns.size(), verifier);
    out.table.columns.insert(out.table.columns.end(), kColumns.begin(), kColumns.end());
  }
  bool errors = false;
  for (const Row& row : rows) {
    std::vector<Cell>& cells = out.table.rows.emplace_back();
    for (const std::string& axis : axes) {
      const auto it = row.labels.find(axis);
      it == row.labels.end() ? cells.emplace_back() : cells.emplace_back(it->second);
    }
    for (const std::string& verifier : verifiers) {
      const auto it = row.by_verifier.find(verifier);
      const Counts counts = it == row.by_verifier.end() ? Counts{} : it->second;
      errors = errors || std::holds_alternative<std::string>(counts[2]);
      cells.insert(cells.end(), counts.begin(), counts.end());
    }
  }
  if (errors) out.notes.emplace_back("* some of these answers are errors");
  return out;
}

}  // namespace espalier::report
