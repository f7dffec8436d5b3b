// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include <boost/multiprecision/cpp_int.hpp>

namespace espalier::crown {

/// A ratio of integers of any size.
using Rational =
    boost::multiprecision::number<boost::multiprecision::cpp_rational_backend, boost::multiprecision::et_off>;

/// A double within a unit in the last place; infinite when x is beyond doubles.
double nearest(const Rational& x);
/// A double that is at most x, and hardly less.
double at_most(const Rational& x);
/// The number whose square x is, if that is a ratio. Needs: x >= 0.
std::optional<Rational> exact_root(const Rational& x);
/// The double with the fewest bits after the point that lies in [low, high], if any double does there. Needs: low <=
/// high.
std::optional<double> simplest(const Rational& low, const Rational& high);
/// The middle of [low, high] as a float or, if that is outside, as a double, if one is inside. Needs: low <= high.
std::optional<double> middle(const Rational& low, const Rational& high);

}  // namespace espalier::crown
