// SPDX-License-Identifier: Apache-2.0
#include "witness_outputs.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <fmt/format.h>

#include "artifact/ball.hpp"
#include "artifact/walk.hpp"

namespace espalier::cli {
namespace {

/// Rounds twice, the first time far below the digits that are written.
std::string decimal(const exact::Dyadic& x) {
  using Float = boost::multiprecision::cpp_bin_float_50;
  const Float value = ldexp(Float(x.mantissa()), static_cast<int>(x.exponent()));
  return value.str(std::numeric_limits<double>::max_digits10 - 1, std::ios_base::scientific);
}

std::vector<exact::Ball> exact_outputs(const Network& network, std::span<const double> point) {
  std::vector<exact::Ball> input;
  for (const double x : point) input.emplace_back(x);
  return artifact::Walk<exact::Exact>(network).outputs(std::move(input));
}

}  // namespace

std::vector<std::string> output_decimals(const Network& network, std::span<const double> point) {
  const std::vector<double> outputs = network.forward({point.begin(), point.end()});
  const bool fits = std::ranges::all_of(outputs, [](double y) { return std::isfinite(y); });
  const std::vector<exact::Ball> balls = fits ? std::vector<exact::Ball>() : exact_outputs(network, point);
  std::vector<std::string> decimals;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    decimals.push_back(std::isfinite(outputs[i]) ? fmt::format("{}", outputs[i]) : decimal(balls[i].middle));
  }
  return decimals;
}

}  // namespace espalier::cli
