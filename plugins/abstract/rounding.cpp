// SPDX-License-Identifier: Apache-2.0
#include "rounding.hpp"

#include <cfenv>
#include <limits>
#include <string>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::abstract {
namespace {

/// The exact difference between a + b and its rounded value `sum` (Knuth's TwoSum); NaN when the sum overflowed.
double rounding_error(double a, double b, double sum) {
  const double from_b = sum - a;
  return (a - (sum - from_b)) + (b - from_b);
}

bool keeps_denormals() {
  volatile double smallest_normal = std::numeric_limits<double>::min();
  volatile double half = smallest_normal / 2;     // 0 when results are flushed
  return half > 0 && half * 4 > smallest_normal;  // half counts as 0 when operands are flushed
}

}  // namespace

void require_ieee_arithmetic() {
  if (std::fegetround() == FE_TONEAREST && keeps_denormals()) return;
  throw Error(Code::internal, "this thread does not round to nearest or flushes denormal numbers to zero",
              "a library in the process changed the floating-point mode (built with -ffast-math?)");
}

double gamma(std::int64_t n) {
  if (n > (std::int64_t{1} << 30)) {
    throw Error(Code::unsupported, "a network with more than 2^29 intermediate values, here " + std::to_string(n / 2));
  }
  const double nu = static_cast<double>(n) * kUnit;
  return inflate(nu / (1 - nu));
}

double sum_down(double a, double b) {
  const double sum = a + b;
  return rounding_error(a, b, sum) < 0 ? std::nextafter(sum, -HUGE_VAL) : sum;
}

double sum_up(double a, double b) {
  const double sum = a + b;
  return rounding_error(a, b, sum) > 0 ? std::nextafter(sum, HUGE_VAL) : sum;
}

Interval intersection(Interval a, Interval b) {
  const Interval both{std::max(a.low, b.low), std::min(a.high, b.high)};
  // Two certified facts about a value that exists cannot contradict each other.
  if (!(both.low <= both.high)) {
    throw Error(Code::internal,
                fmt::format("two certified bounds of one value exclude each other: [{}, {}] and [{}, {}]", a.low,
                            a.high, b.low, b.high));
  }
  return both;
}

}  // namespace espalier::abstract
