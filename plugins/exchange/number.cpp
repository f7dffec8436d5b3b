// SPDX-License-Identifier: Apache-2.0
#include "number.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <iterator>
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

// ---- exact numbers

using boost::multiprecision::cpp_int;
using boost::multiprecision::cpp_rational;

constexpr long kMostDigits = 1000;
constexpr unsigned kMostBits = 1U << 13;

unsigned bits(const cpp_int& positive) {
  return static_cast<unsigned>(boost::multiprecision::msb(positive)) + 1;
}

/// The number after the 'e', or 0.
long exponent_of(std::string_view text, std::size_t mantissa) {
  if (mantissa == text.size()) return 0;
  std::string_view digits = text.substr(mantissa + 1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  long exponent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  return error == std::errc() ? exponent : kMostDigits + 1;
}

/// Needs: `mantissa_length` found a decimal.
cpp_rational exact_value(std::string_view text) {
  const std::size_t length = *mantissa_length(text);
  const std::string_view mantissa = text.substr(0, length);
  std::string digits;
  for (const char c : mantissa) {
    if (c != '.' && (c != '0' || !digits.empty())) digits += c;  // cpp_int takes a leading 0 for octal
  }
  const std::size_t point = mantissa.find('.');
  const long decimals = point == std::string_view::npos ? 0 : static_cast<long>(length - point - 1);
  const long exponent = exponent_of(text, length);
  if (std::ssize(digits) > kMostDigits || decimals > kMostDigits || std::abs(exponent) > kMostDigits) {
    throw NumberTooLong("");
  }
  const long shift = exponent - decimals;
  const cpp_int power = boost::multiprecision::pow(cpp_int(10), static_cast<unsigned>(std::abs(shift)));
  const cpp_int whole(digits);
  return shift < 0 ? cpp_rational(whole, power) : cpp_rational(whole * power);
}

/// Rounded once, to nearest: 64 bits of the quotient and whether more follow, then one conversion.
double nearest_double(const cpp_rational& value) {
  static_assert(std::numeric_limits<long double>::digits >= 64);
  if (value.is_zero()) return 0;
  cpp_int top = abs(numerator(value));
  cpp_int bottom = denominator(value);
  const int shift = 64 - (static_cast<int>(bits(top)) - static_cast<int>(bits(bottom)));
  (shift > 0 ? top : bottom) <<= static_cast<unsigned>(std::abs(shift));
  cpp_int quotient;  // of 64 or 65 bits
  cpp_int rest;
  divide_qr(top, bottom, quotient, rest);
  const unsigned spare = bits(quotient) - 64;
  const bool more = !rest.is_zero() || (spare > 0 && bit_test(quotient, 0));
  const auto leading = static_cast<std::uint64_t>(quotient >> spare) | (more ? 1U : 0U);
  const long double size = std::ldexp(static_cast<long double>(leading), static_cast<int>(spare) - shift);
  return static_cast<double>(value < 0 ? -size : size);
}

const cpp_rational& limited(const cpp_rational& value) {
  if (!value.is_zero() && bits(abs(numerator(value))) + bits(denominator(value)) > kMostBits) throw NumberTooLong("");
  return value;
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

Number::Number(const Rational& value)
    : nearest_(nearest_double(value)),
      zero_(value.is_zero()),
      negative_(value < 0),
      calculated_(std::make_shared<const Rational>(value)) {}

Number::Rational Number::exact() const {
  if (calculated_) return *calculated_;
  if (zero_) return 0;
  const Rational size = exact_value(digits_);
  return negative_ ? Rational(-size) : size;
}

bool Number::is_unit() const {
  if (std::abs(nearest_) != 1) return false;
  return digits_ == "1" || abs(exact()) == 1;
}

Number Number::operator-() const {
  if (calculated_) return Number(Rational(-*calculated_));
  Number result = *this;
  if (zero_) return result;
  result.negative_ = !negative_;
  result.nearest_ = -nearest_;
  return result;
}

Number operator+(const Number& a, const Number& b) {
  if (a.zero_) return b;
  if (b.zero_) return a;
  return Number(limited(a.exact() + b.exact()));
}

Number operator*(const Number& a, const Number& b) {
  if (a.is_one()) return b;
  if (b.is_one()) return a;
  return Number(limited(a.exact() * b.exact()));
}

Number operator/(const Number& a, const Number& b) {
  if (b.is_one()) return a;
  if ((-b).is_one()) return -a;
  return Number(limited(a.exact() / b.exact()));
}

}  // namespace espalier::exchange
