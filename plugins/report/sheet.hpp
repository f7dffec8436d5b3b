// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <espalier/report.hpp>

#include "digits.hpp"
#include "tables.hpp"

namespace espalier::report {

using Cells = std::vector<std::pair<std::string, Cell>>;  // column -> cell

/// What to do with rows without labels: number them, when there are several, or leave them to their own columns.
enum class Unlabelled { numbered, plain };

/// A table that grows column by column: artifacts with the same labels share a row.
class Sheet {
 public:
  explicit Sheet(Unlabelled unlabelled) : unlabelled_(unlabelled) {}
  /// Into the first row with these labels that has none of these columns yet; a new row when there is none.
  void put(const Labels& labels, const Cells& cells);
  /// Always into a new row.
  void append(const Labels& labels, const Cells& cells);
  /// A column an axis, then the columns in the order of their first cell.
  Table table(std::string name, std::string caption) const;

 private:
  struct Row {
    Labels labels;
    std::map<std::string, Cell> cells;
  };
  void fill(Row& row, const Cells& cells);
  bool numbered() const;

  Unlabelled unlabelled_;
  std::vector<Row> rows_;
  std::vector<std::string> columns_;
};

}  // namespace espalier::report
