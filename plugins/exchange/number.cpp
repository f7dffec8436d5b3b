// SPDX-License-Identifier: Apache-2.0
#include "number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

namespace espalier::exchange {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t digits_from(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - at;
}

/// The length of the part before the exponent; nothing when the text is no decimal without a sign.
std::optional<std::size_t> mantissa_length(std::string_view text) {
  std::size_t at = digits_from(text, 0);
  std::size_t digits = at;
  if (at < text.size() && text[at] == '.') {
    const std::size_t more = digits_from(text, ++at);
    digits += more;
    at += more;
  }
  if (digits == 0) return std::nullopt;
  const std::size_t length = at;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const std::size_t exponent = digits_from(text, at);
    if (exponent == 0) return std::nullopt;
    at += exponent;
  }
  return at == text.size() ? std::optional(length) : std::nullopt;
}

/// Needs: `mantissa_length` found a decimal.
double nearest_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc()) return value;
  return std::strtod(std::string(text).c_str(),
                     nullptr);  // out of range: tells too small (0) from too large (infinite)
}

}  // namespace

std::optional<Number> Number::of(std::string_view word) {
  Number number;
  if (word.starts_with('-') || word.starts_with('+')) {
    number.negative_ = word[0] == '-';
    word.remove_prefix(1);
  }
  const auto length = mantissa_length(word);
  if (!length) return std::nullopt;
  number.digits_ = word;
  const std::string_view mantissa = word.substr(0, *length);
  number.zero_ = std::ranges::all_of(mantissa, [](char c) { return c == '0' || c == '.'; });
  if (number.zero_) return number;  // 0 has one sign
  const double size = nearest_double(word);
  number.nearest_ = number.negative_ ? -size : size;
  return number;
}

Number::Number(const Decimal& value) : zero_(value.is_zero()), negative_(value < 0) {
  if (!boost::multiprecision::isfinite(value)) {
    nearest_ = negative_ ? -HUGE_VAL : HUGE_VAL;
  } else if (!zero_) {
    const Decimal size = boost::multiprecision::abs(value);
    nearest_ = nearest_double(size.str(100, std::ios_base::scientific));
    if (negative_) nearest_ = -nearest_;
  }
  calculated_ = std::make_shared<const Decimal>(value);
}

Number::Decimal Number::exact() const {
  if (calculated_) return *calculated_;
  if (zero_) return 0;
  const Decimal size{std::string(digits_)};
  return negative_ ? Decimal(-size) : size;
}

Number Number::operator-() const {
  if (calculated_) return Number(-*calculated_);
  Number result = *this;
  if (zero_) return result;
  result.negative_ = !negative_;
  result.nearest_ = -nearest_;
  return result;
}

Number operator+(const Number& a, const Number& b) {
  if (a.zero_) return b;
  if (b.zero_) return a;
  return Number(a.exact() + b.exact());
}

Number operator*(const Number& a, const Number& b) {
  if (a.is_one()) return b;
  if (b.is_one()) return a;
  return Number(a.exact() * b.exact());
}

Number operator/(const Number& a, const Number& b) {
  if (b.is_one()) return a;
  if ((-b).is_one()) return -a;
  return Number(a.exact() / b.exact());
}

}  // namespace espalier::exchange
