// SPDX-License-Identifier: Apache-2.0
#include "compare.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "digits.hpp"

namespace espalier::report {
namespace {

constexpr std::size_t kRowsNamed = 6;  // in a note
constexpr int kMostDigits = 9;

std::optional<std::size_t> column_named(const CsvFile& file, const std::string& name) {
  const auto it = std::ranges::find(file.columns, name);
  if (it == file.columns.end()) return std::nullopt;
  return static_cast<std::size_t>(it - file.columns.begin());
}

std::size_t required_column(const CsvFile& file, const std::string& name, std::string_view hint) {
  if (const auto column = column_named(file, name)) return *column;
  throw Error(Code::request, fmt::format("'{}' has no column '{}'", file.name, name),
              fmt::format("there are {}{}", listed_names(file.columns, file.columns.size()), hint));
}

/// How many digits stand behind the point: 3 for "0.200", 5 for "5e-05".
int decimals_of(const std::string& text) {
  const auto exponent = text.find_first_of("eE");
  const auto point = text.find('.');
  int out = 0;
  if (point != text.npos) out = static_cast<int>(std::min(exponent, text.size()) - point) - 1;
  if (exponent == text.npos) return out;
  int power = 0;
  const char* digits = text.data() + exponent + (text.substr(exponent + 1).starts_with('+') ? 2 : 1);
  std::from_chars(digits, text.data() + text.size(), power);
  return std::max(0, out - power);
}

/// With as many digits as the reference has, and more where that would leave fewer than two that count.
Cell shown(double value, int digits) {
  if (std::isnan(value)) return std::monostate{};
  if (std::floor(value) == value) return Number{value, digits};
  while (digits < kMostDigits && std::abs(value) * std::pow(10, digits) < 9.5) ++digits;
  return Number{value, digits};
}

std::string row_name(const std::vector<std::string>& labels) {
  std::string out;
  for (const std::string& label : labels) {
    if (!label.empty()) out += (out.empty() ? "" : " ") + label;
  }
  return out;
}

/// The reference with what the comparison says about it: which of its columns are labels, which are values.
class Reference {
 public:
  Reference(const Comparison& comparison, const CsvFile& file) : file_(&file) {
    for (const RowLabel& row : comparison.rows) {
      if (row.theirs.empty()) {
        labels_.emplace_back();
      } else {
        labels_.emplace_back(required_column(
            file, row.theirs, fmt::format("; write '{0}=COLUMN', or '{0}=' when it has none", row.ours)));
      }
    }
    for (const Column& column : comparison.columns) {
      values_.push_back(column.theirs.empty() ? std::nullopt : std::optional(required_column(file, column.theirs, "")));
    }
    for (const CsvFile::Row& row : file.rows) {
      if (is_wanted(row, comparison)) rows_.push_back(&row);
    }
  }

  const std::vector<const CsvFile::Row*>& rows() const { return rows_; }
  const CsvFile& file() const { return *file_; }

  std::string value(const CsvFile::Row& row, std::size_t column) const {
    return values_[column] ? row.cells[*values_[column]] : std::string();
  }
  std::vector<std::string> labels(const CsvFile::Row& row) const {
    std::vector<std::string> out;
    for (const auto& label : labels_) out.push_back(label ? row.cells[*label] : std::string());
    return out;
  }
  /// A label that one side does not have stands for every value.
  bool is_about(const CsvFile::Row& row, const OurRow& ours) const {
    const auto theirs = labels(row);
    for (std::size_t i = 0; i < theirs.size(); ++i) {
      if (theirs[i].empty() || ours.labels[i].empty()) continue;
      if (!same_label(theirs[i], ours.labels[i])) return false;
    }
    return true;
  }
  /// Digits behind the point of a column's numbers.
  int digits(std::size_t column) const {
    int out = 0;
    for (const CsvFile::Row* row : rows_) {
      out = std::max(out, printed(value(*row, column)).digits);
    }
    return out;
  }

 private:
  static bool is_wanted(const CsvFile::Row& row, const Comparison& comparison, const CsvFile& file) {
    return std::ranges::all_of(comparison.where, [&](const auto& label) {
      const auto known = std::ranges::find(comparison.rows, label.first, &RowLabel::ours);
      const auto column = column_named(file, known == comparison.rows.end() ? label.first : known->theirs);
      return !column || row.cells[*column].empty() || same_label(row.cells[*column], label.second);
    });
  }
  bool is_wanted(const CsvFile::Row& row, const Comparison& comparison) const {
    return is_wanted(row, comparison, *file_);
  }

  const CsvFile* file_;
  std::vector<std::optional<std::size_t>> labels_;
  std::vector<std::optional<std::size_t>> values_;
  std::vector<const CsvFile::Row*> rows_;
};

/// A line of the finished table.
struct Pair {
  const OurRow* ours = nullptr;
  const CsvFile::Row* theirs = nullptr;
};

/// In the reference's order; what only we have follows.
std::vector<Pair> paired(const std::vector<OurRow>& ours, const Reference& reference) {
  std::vector<Pair> out;
  std::vector<const CsvFile::Row*> taken(ours.size());
  bool any = false;
  for (const CsvFile::Row* row : reference.rows()) {
    bool found = false;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      if (!reference.is_about(*row, ours[i])) continue;
      if (taken[i] != nullptr) {
        throw Error(Code::request,
                    fmt::format("lines {} and {} of '{}' are both about the row '{}'", taken[i]->line, row->line,
                                reference.file().name, row_name(ours[i].labels)),
                    "add a label to 'rows', or choose with 'where'");
      }
      taken[i] = row;
      out.push_back({&ours[i], row});
      found = any = true;
    }
    if (!found) out.push_back({nullptr, row});
  }
  if (!any) {
    throw Error(Code::request,
                fmt::format("no row of '{}' is one of ours: it has '{}', we have '{}'", reference.file().name,
                            reference.rows().empty() ? "" : row_name(reference.labels(*reference.rows().front())),
                            ours.empty() ? "" : row_name(ours.front().labels)),
                "labels are compared as text, letter by letter");
  }
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (taken[i] == nullptr) out.push_back({&ours[i], nullptr});
  }
  return out;
}

/// Columns and cells of the finished table, and what has to be said about it.
class Builder {
 public:
  Builder(const Comparison& comparison, const Reference* reference)
      : comparison_(comparison), reference_(reference), missing_(comparison.columns.size()) {
    for (const RowLabel& row : comparison.rows) add_column("", row.ours);
    for (std::size_t i = 0; i < comparison.columns.size(); ++i) {
      const Column& column = comparison.columns[i];
      digits_.push_back(is_compared(i) ? reference->digits(i) : 0);
      if (!is_compared(i)) {
        add_column("", column.heading);
        continue;
      }
      add_column(column.heading, "ours");
      add_column(column.heading, comparison.reference_name);
      add_column(column.heading, "difference");
      out_.signed_columns.push_back(static_cast<std::int64_t>(out_.groups.size()) - 1);
    }
  }

  void add(const Pair& pair) {
    const bool left_out = (pair.ours == nullptr && comparison_.keep == Keep::ours) ||
                          (pair.theirs == nullptr && comparison_.keep == Keep::reference);
    note_one_sided(pair);
    if (left_out) return;
    std::vector<Cell> cells;
    for (const std::string& label : labels_of(pair)) label.empty() ? cells.emplace_back() : cells.emplace_back(label);
    for (std::size_t i = 0; i < comparison_.columns.size(); ++i) add_cells(cells, pair, i);
    out_.table.rows.push_back(std::move(cells));
  }

  ResultTable take() {
    for (std::size_t i = 0; i < missing_.size(); ++i) {
      note(missing_[i], {"has", "have"}, fmt::format("no value here in column '{}'", comparison_.columns[i].heading));
    }
    note(only_theirs_, {"is", "are"},
         fmt::format("only in the {}{}", comparison_.reference_name,
                     comparison_.keep == Keep::ours ? " and left out" : ""));
    note(only_ours_, {"is", "are"},
         fmt::format("not in the {}{}", comparison_.reference_name,
                     comparison_.keep == Keep::reference ? " and left out" : ""));
    if (marked_) out_.notes.emplace_back("* beside a count of ours: some of the other answers are errors");
    return std::move(out_);
  }

 private:
  bool is_compared(std::size_t column) const {
    return reference_ != nullptr && !comparison_.columns[column].theirs.empty();
  }

  void add_column(std::string group, std::string name) {
    out_.groups.push_back(std::move(group));
    out_.table.columns.push_back(std::move(name));
  }

  void add_cells(std::vector<Cell>& cells, const Pair& pair, std::size_t i) {
    const Reading reading = pair.ours == nullptr ? Reading{std::nan(""), {}} : pair.ours->values[i];
    if (std::isnan(reading.value) && pair.ours != nullptr) missing_[i].push_back(row_name(labels_of(pair)));
    Cell mine = is_compared(i) ? shown(reading.value, digits_[i]) : number(reading.value);
    if (!reading.mark.empty() && !std::isnan(reading.value)) mine = cell_text(mine) + reading.mark;
    marked_ = marked_ || (!reading.mark.empty() && !std::isnan(reading.value));
    cells.push_back(std::move(mine));
    if (!is_compared(i)) return;
    const Printed theirs = printed(pair.theirs == nullptr ? std::string() : reference_->value(*pair.theirs, i));
    cells.push_back(theirs.cell);
    const double difference = reading.value - theirs.value;
    const int digits = std::floor(difference) == difference ? digits_[i] : std::max(1, digits_[i]);
    std::isnan(difference) ? cells.emplace_back() : cells.emplace_back(Number{difference, digits});
  }

  /// Ours, or the reference's where we have none.
  std::vector<std::string> labels_of(const Pair& pair) const {
    if (pair.ours == nullptr) return reference_->labels(*pair.theirs);
    std::vector<std::string> out = pair.ours->labels;
    if (pair.theirs == nullptr) return out;
    const auto theirs = reference_->labels(*pair.theirs);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i].empty()) out[i] = theirs[i];
    }
    return out;
  }

  void note_one_sided(const Pair& pair) {
    if (reference_ == nullptr) return;
    if (pair.ours == nullptr) only_theirs_.push_back(row_name(labels_of(pair)));
    if (pair.theirs == nullptr) only_ours_.push_back(row_name(labels_of(pair)));
  }

  /// The verb of one row, and of several.
  struct Verb {
    const char* one;
    const char* several;
  };
  void note(const std::vector<std::string>& rows, Verb verb, const std::string& what) {
    if (rows.empty()) return;
    const bool one = rows.size() == 1;
    out_.notes.push_back(fmt::format("{} {} {} {}: {}", rows.size(), one ? "row" : "rows",
                                     one ? verb.one : verb.several, what, listed_names(rows, kRowsNamed)));
  }

  const Comparison& comparison_;
  const Reference* reference_;
  ResultTable out_;
  std::vector<int> digits_;
  std::vector<std::vector<std::string>> missing_;  ///< for each column, the rows without a value of ours
  std::vector<std::string> only_ours_;
  std::vector<std::string> only_theirs_;
  bool marked_ = false;
};

}  // namespace

Printed printed(const std::string& text) {
  Printed out;
  if (text.empty()) return out;
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  const std::string mark(rest, end);
  out.cell = text;
  if (error != std::errc() || !std::isfinite(value) || mark.find_first_not_of('*') != mark.npos) return out;
  out.value = value;
  out.digits = decimals_of(text.substr(0, text.size() - mark.size()));
  if (mark.empty()) out.cell = Number{value, out.digits};
  return out;
}

ResultTable compared(const Comparison& comparison, const std::vector<OurRow>& ours, const CsvFile* reference) {
  if (reference == nullptr) {
    Builder builder(comparison, nullptr);
    for (const OurRow& row : ours) builder.add({&row, nullptr});
    return builder.take();
  }
  const Reference theirs(comparison, *reference);
  Builder builder(comparison, &theirs);
  for (const Pair& pair : paired(ours, theirs)) builder.add(pair);
  return builder.take();
}

}  // namespace espalier::report
