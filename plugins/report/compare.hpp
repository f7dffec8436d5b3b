// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "csv.hpp"
#include "quantity.hpp"
#include "result_table.hpp"

namespace espalier::report {

/// A label that names rows, and the reference's column for it; "" when the reference has none.
struct RowLabel {
  std::string ours;
  std::string theirs;
};

/// One value of each row, and the reference's column for it; "" when there is none.
struct Column {
  Quantity quantity;
  std::string heading;
  std::string theirs;
};

/// Which rows a table shows.
enum class Keep { all, ours, reference };

struct Comparison {
  std::vector<RowLabel> rows;
  std::vector<Column> columns;
  Labels where;
  Keep keep = Keep::all;
  std::string reference_name;
};

/// A row of what was found here.
struct OurRow {
  std::vector<std::string> labels;  ///< one a RowLabel; "" when the sources do not say
  std::vector<Reading> values;      ///< one a Column; NaN when there is none
};

/// The values, row by row, ordered by their labels in the order of appearance. Throws Error(request) when a name
/// matches nothing.
std::vector<OurRow> rows_of(const Comparison& comparison, const std::vector<Source>& sources);

/// The cells of rows and reference beside each other, and in the notes what is on one side only. `reference` may be
/// null.
ResultTable compared(const Comparison& comparison, const std::vector<OurRow>& ours, const CsvFile* reference);

/// What stands in a printed table: a number ("15", "0.200", "5e-05"), one with a mark ("15*"), which is shown as it is
/// and counts as its number, other text, or nothing.
struct Printed {
  Cell cell;
  double value = std::numeric_limits<double>::quiet_NaN();
  int digits = 0;  ///< behind the point
};
Printed printed(const std::string& text);

}  // namespace espalier::report
