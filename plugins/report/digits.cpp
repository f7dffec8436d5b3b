// SPDX-License-Identifier: Apache-2.0
#include "digits.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

namespace espalier::report {
namespace {

constexpr int kDigits = 4;
constexpr double kLargestWhole = 1e15;  // beyond, a double has no room for a fraction

/// The decimals that all numbers of a column can have; nothing when they span decades.
std::optional<int> digits_of(const ResultTable& result, std::size_t column) {
  const Table& table = result.table;
  int digits = 0;
  double smallest = std::numeric_limits<double>::infinity();
  double largest = 0;
  for (const auto& row : table.rows) {
    const auto* number = std::get_if<Number>(&row[column]);
    if (number == nullptr || !std::isfinite(number->value)) continue;
    digits = std::max(digits, number->digits);
    const double size = std::abs(number->value);
    if (size > 0) smallest = std::min(smallest, size);
    largest = std::max(largest, size);
  }
  if (digits > kDigits && largest >= 10 * smallest) return std::nullopt;
  // Large means need no fine decimals; what is compared keeps those of what it is compared with.
  const bool is_compared = column < result.groups.size() && !result.groups[column].empty();
  if (is_compared || smallest < 1 || largest < 10) return digits;
  return std::min(digits, std::max(1, kDigits - 1 - static_cast<int>(std::log10(largest))));
}

}  // namespace

Cell number(double value) {
  if (std::isnan(value)) return std::monostate{};
  const bool whole = std::abs(value) < kLargestWhole && std::floor(value) == value;
  if (whole) return Number{value, 0};
  int digits = kDigits;  // a small number keeps three digits that count
  for (double size = std::abs(value); size < 0.01 && size > 1e-9; size *= 10) ++digits;
  const std::string text = cell_text(Number{value, digits});
  const auto zeros = static_cast<int>(text.size() - 1 - text.find_last_not_of('0'));
  // Nothing but zeros: close to a whole number, but none.
  return Number{value, zeros == digits ? digits : digits - zeros};
}

ResultTable evened(ResultTable result) {
  for (std::size_t column = 0; column < result.table.columns.size(); ++column) {
    const auto digits = digits_of(result, column);
    if (!digits) continue;
    for (auto& row : result.table.rows) {
      if (auto* number = std::get_if<Number>(&row[column])) number->digits = *digits;
    }
  }
  return result;
}

}  // namespace espalier::report
