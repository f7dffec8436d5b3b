// SPDX-License-Identifier: Apache-2.0
#include "sheet.hpp"

#include <algorithm>
#include <set>

namespace espalier::report {

void Sheet::fill(Row& row, const Cells& cells) {
  for (const auto& [column, cell] : cells) {
    row.cells.insert_or_assign(column, cell);
    if (std::ranges::find(columns_, column) == columns_.end()) columns_.push_back(column);
  }
}

void Sheet::put(const Labels& labels, const Cells& cells) {
  const auto has_room = [&](const Row& row) {
    return row.labels == labels &&
           std::ranges::none_of(cells, [&](const auto& cell) { return row.cells.contains(cell.first); });
  };
  const auto it = std::ranges::find_if(rows_, has_room);
  if (it != rows_.end()) {
    fill(*it, cells);
  } else {
    append(labels, cells);
  }
}

void Sheet::append(const Labels& labels, const Cells& cells) {
  rows_.push_back({labels, {}});
  fill(rows_.back(), cells);
}

bool Sheet::numbered() const {
  return unlabelled_ == Unlabelled::numbered && rows_.size() > 1 &&
         std::ranges::all_of(rows_, [](const Row& row) { return row.labels.empty(); });
}

Table Sheet::table(std::string name, std::string caption) const {
  std::set<std::string> axes;
  for (const Row& row : rows_) {
    for (const auto& [axis, value] : row.labels) axes.insert(axis);
  }
  // Names and variants are what people look for first; the other axes follow.
  std::vector<std::string> order(axes.begin(), axes.end());
  std::ranges::stable_partition(order, [](const std::string& axis) { return axis == "name" || axis == "variant"; });
  Table out{.name = std::move(name), .caption = std::move(caption), .columns = {}, .rows = {}};
  if (numbered()) out.columns.emplace_back("no");
  out.columns.insert(out.columns.end(), order.begin(), order.end());
  out.columns.insert(out.columns.end(), columns_.begin(), columns_.end());
  for (const Row& row : rows_) {
    std::vector<Cell> cells;
    if (numbered()) cells.emplace_back(Number{static_cast<double>(out.rows.size() + 1), 0});
    for (const auto& axis : order) {
      const auto it = row.labels.find(axis);
      cells.push_back(it == row.labels.end() ? Cell{} : Cell{it->second});
    }
    for (const auto& column : columns_) {
      const auto it = row.cells.find(column);
      cells.push_back(it == row.cells.end() ? Cell{} : it->second);
    }
    out.rows.push_back(std::move(cells));
  }
  return out;
}

}  // namespace espalier::report
