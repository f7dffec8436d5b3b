// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "artifact/dyadic.hpp"

namespace espalier::testing {

/// An exact rational. Numbers made from each other share their denominator, which is never reduced here, so a network
/// is evaluated at a rational point without a single greatest common divisor.
class Fraction {
 public:
  using Dyadic = exact::Dyadic;

  Fraction(double x = 0) : numerator_(x) {}  // NOLINT: a double is a Fraction
  explicit Fraction(Dyadic x) : numerator_(std::move(x)) {}
  /// All over one denominator. Needs: it is above 0.
  static std::vector<Fraction> over(std::vector<Dyadic> numerators, const Dyadic& denominator) {
    const auto shared = std::make_shared<const Dyadic>(denominator);
    std::vector<Fraction> out;
    for (Dyadic& n : numerators) out.push_back(Fraction(std::move(n), shared));
    return out;
  }

  int sign() const { return numerator_.sign(); }
  const Dyadic& numerator() const { return numerator_; }
  Dyadic denominator() const { return denominator_ ? *denominator_ : Dyadic(1); }

  Fraction& operator+=(const Fraction& b) {
    if (denominator_ == b.denominator_) {
      numerator_ += b.numerator_;
    } else if (!b.denominator_) {
      numerator_ += b.numerator_ * *denominator_;
    } else if (!denominator_) {
      numerator_ = numerator_ * *b.denominator_ + b.numerator_;
      denominator_ = b.denominator_;
    } else if (*denominator_ == *b.denominator_) {
      numerator_ += b.numerator_;
    } else {
      numerator_ = numerator_ * *b.denominator_ + b.numerator_ * *denominator_;
      denominator_ = std::make_shared<const Dyadic>(*denominator_ * *b.denominator_);
    }
    return *this;
  }
  Fraction operator-() const { return {-numerator_, denominator_}; }
  friend Fraction operator+(Fraction a, const Fraction& b) { return a += b; }
  friend Fraction operator-(Fraction a, const Fraction& b) { return a += -b; }
  friend Fraction operator*(const Fraction& a, const Fraction& b) {
    Shared denominator = a.denominator_ ? a.denominator_ : b.denominator_;
    if (a.denominator_ && b.denominator_) {
      denominator = std::make_shared<const Dyadic>(*a.denominator_ * *b.denominator_);
    }
    return {a.numerator_ * b.numerator_, std::move(denominator)};
  }
  /// Needs: b is not 0.
  friend Fraction operator/(const Fraction& a, const Fraction& b) {
    const Dyadic over = b.sign() < 0 ? -b.numerator_ : b.numerator_;
    const Dyadic times = b.sign() < 0 ? -b.denominator() : b.denominator();
    return a * Fraction(times, std::make_shared<const Dyadic>(over));
  }
  friend bool operator<(const Fraction& a, const Fraction& b) { return (a - b).sign() < 0; }
  friend bool operator>(const Fraction& a, const Fraction& b) { return b < a; }
  friend bool operator<=(const Fraction& a, const Fraction& b) { return !(b < a); }
  friend bool operator>=(const Fraction& a, const Fraction& b) { return !(a < b); }
  friend bool operator==(const Fraction& a, const Fraction& b) { return (a - b).sign() == 0; }

  /// Of the squares of binary numbers only: no other root is rational and needed here.
  friend Fraction sqrt(const Fraction& x) {
    Dyadic y = x.numerator_;
    y.reduce();
    exact::Integer rest;
    exact::Integer root = boost::multiprecision::sqrt(y.mantissa(), rest);
    if (x.denominator_ || !rest.is_zero() || y.exponent() % 2 != 0) throw std::logic_error("not the square of a float");
    return Fraction(Dyadic(std::move(root), y.exponent() / 2));
  }

  double to_double() const {
    using Rational = boost::multiprecision::cpp_rational;
    return static_cast<double>(rational<Rational>(numerator_) / rational<Rational>(denominator()));
  }

 private:
  using Shared = std::shared_ptr<const Dyadic>;
  Fraction(Dyadic numerator, Shared denominator)
      : numerator_(std::move(numerator)), denominator_(std::move(denominator)) {}

  template <class Rational>
  static Rational rational(const Dyadic& x) {
    const boost::multiprecision::cpp_int one(1);
    const Rational mantissa(boost::multiprecision::cpp_int(x.mantissa()));
    const auto shift = static_cast<unsigned>(x.exponent() < 0 ? -x.exponent() : x.exponent());
    return x.exponent() < 0 ? Rational(mantissa / Rational(one << shift)) : Rational(mantissa * Rational(one << shift));
  }

  Dyadic numerator_;
  Shared denominator_;  ///< absent: 1
};

}  // namespace espalier::testing
