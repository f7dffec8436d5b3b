// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <espalier/report.hpp>

namespace espalier::report {

/// A table with what belongs around it, on its way from the stage that made it to a report.
class ResultTable : public Artifact {
 public:
  static constexpr std::string_view kKind = "Table";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "a table with headings over its columns and notes below";

  Table table;
  /// A heading over each column, as many as there are columns; neighbours with the same share it. "" is none.
  std::vector<std::string> groups;
  std::vector<std::string> notes;
  /// Columns of differences, whose positive numbers are shown with a plus.
  std::vector<std::int64_t> signed_columns;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static ResultTable from_fields(const Fields& fields);

  /// The text of a cell, with its sign.
  std::string text(std::size_t row, std::size_t column) const;
  /// The table without headings over its columns: "accuracy", "paper" -> "accuracy, paper".
  Table flat() const;
};

/// A table that has nothing around it.
ResultTable plain(Table table);

/// Neighbouring columns under one heading.
struct Group {
  std::string heading;
  std::size_t first = 0;
  std::size_t count = 0;
};
std::vector<Group> groups_of(const std::vector<std::string>& groups);

/// Flush right: nothing but numbers, numbers with a mark ("15*") and empty cells; no column of a table without rows.
bool is_numeric(const Table& table, std::size_t column);

}  // namespace espalier::report
