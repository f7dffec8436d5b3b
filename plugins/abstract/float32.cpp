// SPDX-License-Identifier: Apache-2.0
// Forward error analysis (Higham, Accuracy and Stability of Numerical Algorithms, chapter 3) of a whole network: with
// x known up to d, and |x| <= Y, a sum of m products and a bias is known up to
//   gamma(m + 1) (|W| (Y + d) + |b|) + |W| d.
// All bounds are sums of non-negative terms in double, inflated to hold over the reals.
#include "float32.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "domains.hpp"

namespace espalier::abstract {
namespace {

constexpr double kUnit32 = 0x1p-24;
constexpr double kTiny = std::numeric_limits<float>::min();  ///< anything below may be flushed to 0
constexpr double kLargest = std::numeric_limits<float>::max() / 2;
/// Roundings of a batch norm in whatever order it is computed, a reciprocal root of two units included.
constexpr double kNormRoundings = 16;
/// Below this, a variance is too close to denormal numbers to say how well its root is computed.
constexpr double kLeastVariance = 0x1p-100;

double gamma32(double roundings) {
  const double nu = roundings * kUnit32;
  return nu < 0.5 ? inflate(nu / (1 - nu)) : HUGE_VAL;
}

/// How one element is computed in single precision: the sizes of what is added up, and how often it is rounded.
struct Computed {
  double products = 0;       ///< sum of |w| |x|
  double inherited = 0;      ///< sum of |w| d
  double factors = 0;        ///< sum of |w|
  double inputs = 0;         ///< sum of |x|
  double terms = 0;          ///< number of products
  double offset = 0;         ///< what is added besides the products
  double roundings = 1;      ///< besides one a product
  double amplification = 1;  ///< how far anything on the way can be larger than these sums

  double error() const {
    const double largest = amplification * (products + offset + factors + inputs);
    if (!(inflate(largest) < kLargest)) return HUGE_VAL;
    const double rounding = gamma32(terms + roundings) * (products + offset);
    const double flushed = kTiny * amplification * (2 * terms + 3 + factors + inputs);
    return inflate(inflate(inherited + rounding) + flushed);
  }
};

/// What is known of a value in single precision.
struct Known {
  const Intervals& bounds;  ///< over the reals
  const std::vector<double>& errors;
  double size(std::size_t k) const { return magnitude(bounds[k]) + errors[k]; }
};

std::vector<Computed> sums(const AffineMap& map, const Known& in) {
  std::vector<Computed> out(map.bias.size());
  for (std::size_t j = 0; j < in.bounds.size(); ++j) {
    const double size = in.size(j);
    for (auto t = map.weights.start[j]; t < map.weights.start[j + 1]; ++t) {
      const Columns::Term term = map.weights.terms[static_cast<std::size_t>(t)];
      const double weight = std::abs(term.weight);
      Computed& c = out[static_cast<std::size_t>(term.row)];
      c.products += weight * size;
      c.inherited += weight * in.errors[j];
      c.factors += weight;
      c.inputs += size;
      c.terms += 1;
    }
  }
  for (std::size_t k = 0; k < out.size(); ++k) out[k].offset = std::abs(map.bias[k]);
  return out;
}

/// gamma (x - mean) / sqrt(variance + epsilon) + beta, without what mean and beta cancel of each other in a bias.
std::vector<Computed> norms(const BatchNorm& op, const Known& in) {
  const auto gamma = op.gamma.as<float>();
  const auto beta = op.beta.as<float>();
  const auto mean = op.mean.as<float>();
  const auto variance = op.variance.as<float>();
  const std::size_t area = in.bounds.size() / gamma.size();
  std::vector<Computed> out;
  for (std::size_t k = 0; k < in.bounds.size(); ++k) {
    const std::size_t c = k / area;
    const double spread = double{variance[c]} + op.epsilon;
    const double factor = std::abs(double{gamma[c]});
    const double scale = factor / std::sqrt(spread);
    const double inputs = in.size(k) + std::abs(double{mean[c]});
    out.push_back({.products = scale * inputs,
                   .inherited = scale * in.errors[k],
                   .factors = scale,
                   .inputs = inputs,
                   .terms = 1,
                   .offset = std::abs(double{beta[c]}),
                   .roundings = kNormRoundings,
                   .amplification = spread >= kLeastVariance ? (1 + factor) * (1 + 1 / std::sqrt(spread)) : HUGE_VAL});
  }
  return out;
}

/// scale x / divisor + shift, in that order or with the quotient of the two first.
std::vector<Computed> scalings(const Affine& op, const AffineMap& map, const Known& in) {
  std::vector<Computed> out = sums(map, in);
  if (op.divisor.empty()) return out;
  const auto scale = op.scale.as<float>();
  const auto divisor = op.divisor.as<float>();
  for (std::size_t k = 0; k < out.size(); ++k) {
    out[k].inputs = in.size(k);  // also where the scale is 0
    out[k].roundings = 4;
    out[k].amplification = (1 + std::abs(double{scale[k]})) * (1 + 1 / std::abs(double{divisor[k]}));
  }
  return out;
}

/// A mean over a window: sums of its elements, divided by their number or multiplied with its rounded reciprocal.
std::vector<Computed> means(const AvgPool& op, const AffineMap& map, const Known& in) {
  std::vector<Computed> out = sums(map, in);
  for (Computed& c : out) {
    c.roundings = 3;
    c.amplification = static_cast<double>(op.kernel[0] * op.kernel[1]);
  }
  return out;
}

std::vector<double> errors_of(const std::vector<Computed>& all) {
  std::vector<double> out;
  for (const Computed& c : all) out.push_back(c.error());
  return out;
}

std::vector<double> moved(const AffineMap& map, const std::vector<double>& errors) {
  std::vector<double> out(map.bias.size(), 0);
  for (std::size_t j = 0; j < errors.size(); ++j) {
    for (auto t = map.weights.start[j]; t < map.weights.start[j + 1]; ++t) {
      out[static_cast<std::size_t>(map.weights.terms[static_cast<std::size_t>(t)].row)] = errors[j];
    }
  }
  return out;
}

std::vector<double> added(const Known& a, const Known& b) {
  std::vector<double> out;
  for (std::size_t k = 0; k < a.bounds.size(); ++k) {
    const double size = a.size(k) + b.size(k);
    out.push_back(Computed{.products = size, .inherited = a.errors[k] + b.errors[k], .inputs = size}.error());
  }
  return out;
}

std::vector<double> errors_after(const Network& network, const Relaxation& relaxation, std::size_t layer,
                                 const std::vector<std::vector<double>>& errors) {
  const Layer& l = network.layers()[layer];
  const auto known = [&](std::size_t input) {
    const int value = l.inputs[input];
    return Known{relaxation.bounds(value), errors[static_cast<std::size_t>(value)]};
  };
  const Known in = known(0);
  const auto* map = std::get_if<AffineMap>(&relaxation.graph().node(static_cast<int>(layer) + 1).step);
  return std::visit(
      Overloaded{[&](const Linear&) { return errors_of(sums(*map, in)); },
                 [&](const Conv2d&) { return errors_of(sums(*map, in)); },
                 [&](const BatchNorm& op) { return errors_of(norms(op, in)); },
                 [&](const AvgPool& op) { return errors_of(means(op, *map, in)); },
                 [&](const Affine& op) { return errors_of(scalings(op, *map, in)); },
                 [&](const Transpose&) { return moved(*map, in.errors); },
                 [&](const Pad&) { return moved(*map, in.errors); },
                 // max(0, x) never moves further than x.
                 [&](const Relu&) { return in.errors; }, [&](const Flatten&) { return in.errors; },
                 [&](const Reshape&) { return in.errors; }, [&](const Add&) { return added(in, known(1)); }},
      l.op);
}

}  // namespace

std::vector<double> float32_errors(const Network& network, const Relaxation& relaxation) {
  const auto is_finite = [](double error) { return std::isfinite(error); };
  std::vector<std::vector<double>> errors{std::vector<double>(relaxation.bounds(0).size(), 0)};
  for (std::size_t layer = 0; layer < network.layers().size(); ++layer) {
    errors.push_back(errors_after(network, relaxation, layer, errors));
    // An infinite value times a weight of 0, which the maps leave out, is not a number.
    if (std::ranges::all_of(errors.back(), is_finite)) continue;
    return std::vector<double>(static_cast<std::size_t>(element_count(network.output_shape())), HUGE_VAL);
  }
  return std::move(errors.back());
}

std::vector<double> float32_errors(const Network& network, const Box& box) {
  const Graph graph(network);
  return float32_errors(network, intervals(graph, box));
}

double float32_error(const OutputConstraint& constraint, const std::vector<double>& errors) {
  double sum = 0;
  for (const auto& term : constraint.terms) {
    sum += inflate(std::abs(term.factor) * errors[static_cast<std::size_t>(term.output)]);
  }
  return inflate(sum);
}

double float32_error(const std::vector<Property::Case>& cases, const std::vector<double>& errors) {
  double most = 0;
  for (const Property::Case& one : cases) {
    for (const OutputConstraint& constraint : one.constraints) most = std::max(most, float32_error(constraint, errors));
  }
  return most;
}

double float32_margin_error(const std::vector<double>& errors, std::int64_t label, std::int64_t other) {
  return inflate(errors[static_cast<std::size_t>(label)] + errors[static_cast<std::size_t>(other)]);
}

std::string float32_note(std::string_view what, double bound, double off) {
  if (bound > off) return {};
  return fmt::format("over the reals; in float32 inference {} may be off by {:.2g}", what, off);
}

std::string float32_message(bool has_inputs, std::string note) {
  if (!has_inputs) return "the property admits no input";
  return note.empty() ? "over the reals, and in float32 inference too" : std::move(note);
}

}  // namespace espalier::abstract
