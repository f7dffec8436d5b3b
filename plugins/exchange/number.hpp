// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <boost/multiprecision/cpp_int.hpp>

namespace espalier::exchange {

/// Thrown where a number has so many digits that nobody meant it, and exact arithmetic would take for ever.
struct NumberTooLong : std::length_error {
  using std::length_error::length_error;
};

/// A decimal of a file, or the exact result of arithmetic on such. Most numbers are never calculated with, so they stay
/// the text they are. Borrows the text.
class Number {
 public:
  Number() = default;  ///< 0
  /// Nothing when the word is no decimal: digits, a point, a sign, an exponent.
  static std::optional<Number> of(std::string_view word);
  static Number one() { return *of("1"); }

  /// The double nearest to it; infinite when that is out of range.
  double nearest() const { return nearest_; }
  bool is_zero() const { return zero_; }
  bool is_negative() const { return !zero_ && negative_; }
  bool is_unit() const;  ///< 1 or -1

  Number operator-() const;
  friend Number operator+(const Number& a, const Number& b);
  friend Number operator*(const Number& a, const Number& b);
  friend Number operator/(const Number& a, const Number& b);

 private:
  using Rational = boost::multiprecision::cpp_rational;
  explicit Number(const Rational& value);
  Rational exact() const;
  bool is_one() const { return !calculated_ && digits_ == "1" && !negative_; }

  double nearest_ = 0;
  bool zero_ = true;
  bool negative_ = false;
  std::string_view digits_;                     ///< without the sign
  std::shared_ptr<const Rational> calculated_;  ///< in place of `digits_`; with its sign
};

}  // namespace espalier::exchange
