// SPDX-License-Identifier: Apache-2.0
#include "artifact/dyadic.hpp"

#include <bit>
#include <utility>

namespace espalier::exact {
namespace {

/// A double as an odd mantissa and its exponent; {0, 0} for zero.
struct Parts {
  std::int64_t mantissa = 0;
  std::int64_t exponent = 0;
};

Parts parts_of(double x) {
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1);
  const auto biased = static_cast<std::int64_t>(bits >> 52 & 0x7FF);
  const std::uint64_t whole = biased == 0 ? fraction : fraction | std::uint64_t{1} << 52;
  if (whole == 0) return {};
  const int zeros = std::countr_zero(whole);
  const auto mantissa = static_cast<std::int64_t>(whole >> zeros);
  return {bits >> 63 != 0 ? -mantissa : mantissa, (biased == 0 ? 1 : biased) - 1075 + zeros};
}

}  // namespace

Dyadic::Dyadic(double x) {
  const Parts parts = parts_of(x);
  mantissa_ = parts.mantissa;
  exponent_ = parts.exponent;
}

std::int64_t Dyadic::magnitude() const {
  return static_cast<std::int64_t>(msb(boost::multiprecision::abs(mantissa_))) + 1 + exponent_;
}

void Dyadic::add_product(double factor, const Dyadic& x) {
  const Parts parts = parts_of(factor);
  if (parts.mantissa == 0 || x.is_zero()) return;
  *this += Dyadic(x.mantissa_ * parts.mantissa, x.exponent_ + parts.exponent);
}

Dyadic& Dyadic::operator+=(const Dyadic& x) {
  if (x.is_zero()) return *this;
  if (is_zero()) return *this = x;
  const std::int64_t shift = x.exponent_ - exponent_;
  if (shift == 0) {
    mantissa_ += x.mantissa_;
  } else if (shift > 0) {
    mantissa_ += x.mantissa_ << static_cast<std::size_t>(shift);
  } else {
    mantissa_ <<= static_cast<std::size_t>(-shift);
    mantissa_ += x.mantissa_;
    exponent_ = x.exponent_;
  }
  return *this;
}

void Dyadic::reduce() {
  if (is_zero()) {
    exponent_ = 0;
    return;
  }
  const bool negative = sign() < 0;
  Integer size = boost::multiprecision::abs(mantissa_);
  const std::size_t zeros = lsb(size);
  if (zeros == 0) return;
  size >>= zeros;
  mantissa_ = negative ? Integer(-size) : size;
  exponent_ += static_cast<std::int64_t>(zeros);
}

Dyadic abs(const Dyadic& x) {
  return x.sign() < 0 ? -x : x;
}

}  // namespace espalier::exact
