// SPDX-License-Identifier: Apache-2.0
#include "result_table.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::report {
namespace {

/// Stored as a u8 a cell. Append only; never renumber.
enum class CellKind : std::uint8_t { nothing = 0, number = 1, text = 2 };

/// The cells of a table, row after row, a list for each of their members.
struct Columns {
  std::vector<std::uint8_t> kinds;
  std::vector<double> values;
  std::vector<std::int64_t> digits;
  std::vector<std::string> texts;

  void add(const Cell& cell) {
    const auto* number = std::get_if<Number>(&cell);
    const auto* text = std::get_if<std::string>(&cell);
    kinds.push_back(static_cast<std::uint8_t>(cell.index()));
    values.push_back(number == nullptr ? 0 : number->value);
    digits.push_back(number == nullptr ? 0 : number->digits);
    texts.push_back(text == nullptr ? std::string() : *text);
  }
};
static_assert(std::is_same_v<std::variant_alternative_t<1, Cell>, Number>);
static_assert(std::is_same_v<std::variant_alternative_t<2, Cell>, std::string>);

template <class T>
Tensor listed(std::vector<T> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return Tensor::of<T>({count}, std::move(values));
}

template <class T>
std::span<const T> list_of(const Fields& fields, std::string_view name, std::size_t count) {
  const Tensor& tensor = fields.tensor(name);
  if (tensor.dtype() == kDTypeOf<T> && tensor.shape() == Shape{static_cast<std::int64_t>(count)}) return tensor.as<T>();
  throw Error(Code::damaged, fmt::format("field '{}' of a Table is {} {}, not {} cells", name, to_text(tensor.dtype()),
                                         to_text(tensor.shape()), count));
}

Cell cell_of(std::uint8_t kind, Number number, const std::string& text) {
  switch (static_cast<CellKind>(kind)) {
    case CellKind::nothing:
      return std::monostate{};
    case CellKind::number:
      return number;
    case CellKind::text:
      return text;
  }
  throw Error(Code::damaged, fmt::format("a Table has a cell of kind {}", kind));
}

std::vector<Cell> cells_of(const Fields& fields) {
  const auto& texts = fields.texts("cells/text");
  const auto kinds = list_of<std::uint8_t>(fields, "cells/kind", texts.size());
  const auto values = list_of<double>(fields, "cells/value", texts.size());
  const auto digits = list_of<std::int64_t>(fields, "cells/digits", texts.size());
  std::vector<Cell> out;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    out.push_back(cell_of(kinds[i], {values[i], static_cast<int>(digits[i])}, texts[i]));
  }
  return out;
}

ResultTable read(const Fields& fields) {
  ResultTable out;
  out.table.name = fields.text("name");
  out.table.caption = fields.text("caption");
  out.table.columns = fields.texts("columns");
  out.groups = fields.texts("groups");
  out.notes = fields.texts("notes");
  const auto width = static_cast<std::int64_t>(out.table.columns.size());
  for (const std::int64_t column : fields.tensor("signed_columns").as<std::int64_t>()) {
    if (column < 0 || column >= width) throw Error(Code::damaged, fmt::format("a Table has no column {}", column));
    out.signed_columns.push_back(column);
  }
  const std::vector<Cell> cells = cells_of(fields);
  const auto count = static_cast<std::int64_t>(cells.size());
  if (width == 0 ? count > 0 : count % width != 0) {
    throw Error(Code::damaged, fmt::format("a Table has {} columns and {} cells", width, count));
  }
  for (auto row = cells.begin(); row != cells.end(); row += width) out.table.rows.emplace_back(row, row + width);
  return out;
}

/// "15" or "15*".
bool reads_as_number(const std::string& text) {
  return text.find_first_of("0123456789") != text.npos && text.find_first_not_of("0123456789.e-*") == text.npos;
}

}  // namespace

Fields ResultTable::to_fields() const {
  if (groups.size() != table.columns.size()) {
    throw Error(Code::internal, fmt::format("table '{}' has {} columns and headings over {}", table.name,
                                            table.columns.size(), groups.size()));
  }
  Columns cells;
  for (const auto& row : table.rows) {
    if (row.size() != table.columns.size()) {
      throw Error(Code::internal, fmt::format("a row of table '{}' has {} cells, but there are {} columns", table.name,
                                              row.size(), table.columns.size()));
    }
    for (const Cell& cell : row) cells.add(cell);
  }
  Fields fields;
  fields.set("name", table.name);
  fields.set("caption", table.caption);
  fields.set("columns", table.columns);
  fields.set("groups", groups);
  fields.set("notes", notes);
  fields.set("signed_columns", listed(signed_columns));
  fields.set("cells/kind", listed(std::move(cells.kinds)));
  fields.set("cells/value", listed(std::move(cells.values)));
  fields.set("cells/digits", listed(std::move(cells.digits)));
  fields.set("cells/text", std::move(cells.texts));
  return fields;
}

ResultTable ResultTable::from_fields(const Fields& fields) {
  try {
    ResultTable out = read(fields);
    // What is read must be what was digested, to the last field.
    if (out.to_fields().digest(kKind, kFormat) == fields.digest(kKind, kFormat)) return out;
  } catch (const Error& error) {
    throw Error(Code::damaged, error.what(), error.hint());
  }
  throw Error(Code::damaged, "a Table has fields that mean nothing");
}

std::string ResultTable::text(std::size_t row, std::size_t column) const {
  const Cell& cell = table.rows[row][column];
  std::string out = cell_text(cell);
  const auto* number = std::get_if<Number>(&cell);
  const bool with_sign = std::ranges::find(signed_columns, static_cast<std::int64_t>(column)) != signed_columns.end();
  const bool shows_zero = out.find_first_not_of("0.") == out.npos;
  return with_sign && number != nullptr && number->value > 0 && !shows_zero ? "+" + out : out;
}

Table ResultTable::flat() const {
  Table out = table;
  for (std::size_t row = 0; row < out.rows.size(); ++row) {
    for (const std::int64_t column : signed_columns) {
      Cell& cell = out.rows[row].at(static_cast<std::size_t>(column));
      if (const auto shown = text(row, static_cast<std::size_t>(column)); shown.starts_with('+')) cell = shown;
    }
  }
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].empty()) out.columns[i] = groups[i] + ", " + table.columns[i];
  }
  return out;
}

ResultTable plain(Table table) {
  ResultTable out;
  out.groups.resize(table.columns.size());
  out.table = std::move(table);
  return out;
}

std::vector<Group> groups_of(const std::vector<std::string>& groups) {
  std::vector<Group> out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!out.empty() && out.back().heading == groups[i]) {
      ++out.back().count;
    } else {
      out.push_back({groups[i], i, 1});
    }
  }
  return out;
}

bool is_numeric(const Table& table, std::size_t column) {
  return !table.rows.empty() && std::ranges::all_of(table.rows, [&](const std::vector<Cell>& row) {
    const auto* text = std::get_if<std::string>(&row[column]);
    return text == nullptr || reads_as_number(*text);
  });
}

}  // namespace espalier::report
