// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include <boost/multiprecision/cpp_dec_float.hpp>

namespace espalier::exchange {

/// A decimal of a file, or the result of arithmetic on such: rounded once, at the end. Most numbers are never
/// calculated with, so they stay the text they are. Borrows the text.
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

  Number operator-() const;
  friend Number operator+(const Number& a, const Number& b);
  friend Number operator*(const Number& a, const Number& b);
  friend Number operator/(const Number& a, const Number& b);

 private:
  /// A hundred digits: sums and products of a file's numbers, which have some 17, come out exact or all but.
  using Decimal = boost::multiprecision::cpp_dec_float_100;
  explicit Number(const Decimal& value);
  Decimal exact() const;
  bool is_one() const { return !calculated_ && digits_ == "1" && !negative_; }

  double nearest_ = 0;
  bool zero_ = true;
  bool negative_ = false;
  std::string_view digits_;                    ///< without the sign
  std::shared_ptr<const Decimal> calculated_;  ///< in place of `digits_`; with its sign
};

}  // namespace espalier::exchange
