// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include <boost/multiprecision/cpp_int.hpp>

#include <espalier/abi.hpp>

namespace espalier::exact {

/// Any size; up to 320 bits without the heap.
using Integer = boost::multiprecision::number<
    boost::multiprecision::cpp_int_backend<320, 0, boost::multiprecision::signed_magnitude,
                                           boost::multiprecision::unchecked>,
    boost::multiprecision::et_off>;

/// A number with a finite binary form, mantissa * 2^exponent: every float is one, and so are their sums and products.
/// Much faster than rationals, whose every sum needs a greatest common divisor.
class ESPALIER_API Dyadic {
 public:
  Dyadic() = default;
  Dyadic(double x);  // NOLINT: a double is a Dyadic. Needs: finite.
  Dyadic(Integer mantissa, std::int64_t exponent) : mantissa_(std::move(mantissa)), exponent_(exponent) {}

  int sign() const { return mantissa_.sign(); }
  bool is_zero() const { return mantissa_.is_zero(); }
  const Integer& mantissa() const { return mantissa_; }
  std::int64_t exponent() const { return exponent_; }
  /// floor(log2 |x|) + 1. Needs: not zero.
  std::int64_t magnitude() const;

  /// *this += factor * x, the step that a sum of products is made of. Needs: factor is finite.
  void add_product(double factor, const Dyadic& x);
  Dyadic& operator+=(const Dyadic& x);
  Dyadic operator-() const { return {-mantissa_, exponent_}; }
  friend Dyadic operator+(Dyadic a, const Dyadic& b) { return a += b; }
  friend Dyadic operator-(Dyadic a, const Dyadic& b) { return a += -b; }
  friend Dyadic operator*(const Dyadic& a, const Dyadic& b) {
    return {a.mantissa_ * b.mantissa_, a.exponent_ + b.exponent_};
  }
  friend bool operator==(const Dyadic& a, const Dyadic& b) { return (a - b).is_zero(); }
  friend bool operator<(const Dyadic& a, const Dyadic& b) { return (a - b).sign() < 0; }
  friend bool operator<=(const Dyadic& a, const Dyadic& b) { return (a - b).sign() <= 0; }

  /// The same number with the smallest mantissa, which is what keeps long computations short.
  void reduce();
  /// x * 2^shift.
  Dyadic scaled(std::int64_t shift) const { return {mantissa_, exponent_ + shift}; }

 private:
  Integer mantissa_ = 0;
  std::int64_t exponent_ = 0;
};

ESPALIER_API Dyadic abs(const Dyadic& x);

}  // namespace espalier::exact
