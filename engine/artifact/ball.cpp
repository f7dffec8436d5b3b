// SPDX-License-Identifier: Apache-2.0
#include "artifact/ball.hpp"

#include <algorithm>
#include <utility>

namespace espalier::exact {
namespace {

/// Bits of a radius: it is only ever rounded up, so few will do.
constexpr std::int64_t kRadiusBits = 64;

/// The part of |x| above its lowest bits, so that at most `bits` are left.
Dyadic truncated_size(const Dyadic& x, std::int64_t bits) {
  Integer size = boost::multiprecision::abs(x.mantissa());
  const auto excess = static_cast<std::int64_t>(msb(size)) + 1 - bits;
  if (excess <= 0) return {std::move(size), x.exponent()};
  size >>= static_cast<std::size_t>(excess);
  return {std::move(size), x.exponent() + excess};
}

/// At least x, with a short mantissa. Needs: x >= 0.
Dyadic short_above(const Dyadic& x) {
  if (x.is_zero()) return x;
  const Dyadic below = truncated_size(x, kRadiusBits);
  return below == x ? below : Dyadic(below.mantissa() + 1, below.exponent());
}

/// The same number or one around it, as short as numbers are kept.
Ball shortened(Ball x) {
  x.middle.reduce();
  if (x.radius.is_zero()) return x;
  if (!x.middle.is_zero()) {
    const Dyadic size = truncated_size(x.middle, kPrecision);
    const Dyadic kept = x.middle.sign() < 0 ? -size : size;
    x.radius += abs(x.middle - kept);
    x.middle = kept;
  }
  x.radius = short_above(x.radius);
  return x;
}

/// Upper bound of what is lost when a quotient or root is cut off behind kPrecision bits, and of what a divisor that
/// was cut off so makes of it.
Dyadic cut_of(const Dyadic& x) {
  return abs(x).scaled(8 - kPrecision);
}

struct Cut {
  Dyadic value;
  bool exact = true;
};

/// a / b with at least kPrecision bits. Needs: b is not 0.
Cut quotient(const Dyadic& a, const Dyadic& b) {
  if (a.is_zero()) return {};
  const std::int64_t shift = std::max<std::int64_t>(
      0, kPrecision + 2 + static_cast<std::int64_t>(msb(boost::multiprecision::abs(b.mantissa()))) -
             static_cast<std::int64_t>(msb(boost::multiprecision::abs(a.mantissa()))));
  Integer result;
  Integer rest;
  const Integer wide = boost::multiprecision::abs(a.mantissa()) << static_cast<std::size_t>(shift);
  divide_qr(wide, Integer(boost::multiprecision::abs(b.mantissa())), result, rest);
  if (a.sign() != b.sign()) result = -result;
  return {Dyadic(std::move(result), a.exponent() - b.exponent() - shift), rest.is_zero()};
}

/// The square root with at least kPrecision bits. Needs: x > 0.
Cut root(const Dyadic& x) {
  std::int64_t shift = 2 * kPrecision;
  if ((x.exponent() - shift) % 2 != 0) ++shift;
  const Integer wide = x.mantissa() << static_cast<std::size_t>(shift);
  Integer rest;
  Integer result = boost::multiprecision::sqrt(wide, rest);
  return {Dyadic(std::move(result), (x.exponent() - shift) / 2), rest.is_zero()};
}

Ball product(const Ball& a, const Ball& b) {
  Dyadic radius = abs(a.middle) * b.radius + a.radius * abs(b.middle) + a.radius * b.radius;
  return shortened({a.middle * b.middle, std::move(radius)});
}

}  // namespace

void Exact::Sum::add(double factor, const Ball& x) {
  sum_.middle.add_product(factor, x.middle);
  if (!x.radius.is_zero()) sum_.radius.add_product(factor < 0 ? -factor : factor, x.radius);
}

Ball Exact::Sum::take(double bias) const {
  return shortened({sum_.middle + Dyadic(bias), sum_.radius});
}

Exact::Norm::Norm(const artifact::Channel& channel) : mean_(channel.mean), beta_(channel.beta) {
  const Cut spread = root(Dyadic(channel.variance) + Dyadic(channel.epsilon));
  const Cut scale = quotient(Dyadic(channel.gamma), spread.value);
  scale_.middle = scale.value;
  if (!spread.exact || !scale.exact) scale_.radius = cut_of(scale.value);
  scale_ = shortened(std::move(scale_));
}

Ball Exact::Norm::operator()(const Ball& x) const {
  Ball y = product({x.middle - mean_, x.radius}, scale_);
  y.middle += beta_;
  return shortened(std::move(y));
}

Ball Exact::relu(const Ball& x) {
  const Dyadic high = x.middle + x.radius;
  if (high.sign() <= 0) return {};
  if (x.radius <= x.middle) return x;
  const Dyadic half = high.scaled(-1);
  return shortened({half, half});
}

Ball Exact::plus(const Ball& a, const Ball& b) {
  return shortened({a.middle + b.middle, a.radius + b.radius});
}

Ball Exact::divided(const Ball& x, double by) {
  const Dyadic divisor(by);
  const Cut middle = quotient(x.middle, divisor);
  Dyadic radius = middle.exact ? Dyadic() : cut_of(middle.value);
  if (!x.radius.is_zero()) {
    const Cut spread = quotient(x.radius, abs(divisor));
    radius += spread.value + cut_of(spread.value);
  }
  return shortened({middle.value, std::move(radius)});
}

}  // namespace espalier::exact
