// SPDX-License-Identifier: Apache-2.0
#include "rational.hpp"

#include <cmath>
#include <limits>

namespace espalier::crown {
namespace {

using Integer = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>, boost::multiprecision::et_off>;

/// floor(x * 2^bits) for x > 0.
Integer shifted(const Rational& x, long bits) {
  Integer top = numerator(x);
  Integer bottom = denominator(x);
  if (bits >= 0) {
    top <<= static_cast<unsigned long>(bits);
  } else {
    bottom <<= static_cast<unsigned long>(-bits);
  }
  return top / bottom;
}

long size_of(const Integer& x) {
  return static_cast<long>(msb(x));
}

/// A double only if it is x.
std::optional<double> exactly(const Rational& x) {
  const double d = nearest(x);
  return std::isfinite(d) && Rational(d) == x ? std::optional(d) : std::nullopt;
}

Rational power_of_two(long exponent) {
  const Integer one(1);
  return exponent >= 0 ? Rational(Integer(one << static_cast<unsigned long>(exponent)))
                       : Rational(one, Integer(one << static_cast<unsigned long>(-exponent)));
}

}  // namespace

double nearest(const Rational& x) {
  if (x == 0) return 0;
  const Rational size = x < 0 ? Rational(-x) : x;
  const long bits = size_of(denominator(size)) - size_of(numerator(size)) + 62;
  const double d = std::ldexp(shifted(size, bits).convert_to<double>(), static_cast<int>(-bits));
  return x < 0 ? -d : d;
}

double at_most(const Rational& x) {
  double d = nearest(x);
  if (!std::isfinite(d)) return x > 0 ? std::numeric_limits<double>::max() : -HUGE_VAL;
  while (Rational(d) > x) d = std::nextafter(d, -HUGE_VAL);
  return d;
}

std::optional<Rational> exact_root(const Rational& x) {
  Integer rest_above;
  Integer rest_below;
  const Integer above = sqrt(numerator(x), rest_above);
  const Integer below = sqrt(denominator(x), rest_below);
  if (rest_above != 0 || rest_below != 0) return std::nullopt;
  return Rational(above, below);
}

std::optional<double> simplest(const Rational& low, const Rational& high) {
  if (low <= 0 && high >= 0) return 0.0;
  if (high < 0) {
    const auto mirrored = simplest(-high, -low);
    return mirrored ? std::optional(-*mirrored) : std::nullopt;
  }
  if (low == high) return exactly(low);
  const Rational width = high - low;
  long bits = size_of(denominator(width)) - size_of(numerator(width)) + 1;  // 2^-bits <= width
  const auto candidate = [&](long b) { return Rational(shifted(high, b)) * power_of_two(-b); };
  while (candidate(bits - 1) >= low) --bits;
  return exactly(candidate(bits));
}

std::optional<double> middle(const Rational& low, const Rational& high) {
  const double wanted = nearest((low + high) / 2);
  for (const double d : {static_cast<double>(static_cast<float>(wanted)), wanted}) {
    if (std::isfinite(d) && low <= Rational(d) && Rational(d) <= high) return d;
  }
  return std::nullopt;
}

}  // namespace espalier::crown
