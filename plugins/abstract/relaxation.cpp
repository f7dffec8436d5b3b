// SPDX-License-Identifier: Apache-2.0
#include "relaxation.hpp"

#include <cmath>
#include <utility>

namespace espalier::abstract {
namespace {

bool is_zero(Interval x) {
  return x.low == 0 && x.high == 0;
}

/// slack_k bounds the rounding of sum_j w_kj x_j + b_k for all x in the bounds, and of p_k b_k and of all p_k w_kj x_j
/// for |p_k| = 1 when p W is formed with rounding: gamma (sum_j |w_kj| |x_j| + |b_k|), and what the map itself is off.
std::vector<double> slack_of(const AffineMap& map, const Intervals& in, double gamma) {
  std::vector<double> weighted(map.bias.size(), 0);
  for (std::size_t j = 0; j < in.size(); ++j) {
    const double size = magnitude(in[j]);
    const auto end = static_cast<std::size_t>(map.weights.start[j + 1]);
    for (auto t = static_cast<std::size_t>(map.weights.start[j]); t < end; ++t) {
      const Columns::Term& term = map.weights.terms[t];
      weighted[static_cast<std::size_t>(term.row)] += std::abs(term.weight) * size;
    }
  }
  std::vector<double> slack(map.bias.size());
  for (std::size_t k = 0; k < slack.size(); ++k) {
    const double error = (gamma + map.weight_error) * weighted[k] + gamma * std::abs(map.bias[k]) + map.bias_error[k];
    slack[k] = inflate(error) + (map.fan_in[k] > 0 ? kFloor : 0);
  }
  return slack;
}

Interval widened(Interval x, double by) {
  return {or_nothing(sum_down(x.low, -by)), -or_nothing(-sum_up(x.high, by))};
}

Intervals image(const AffineMap& map, const Intervals& in, const std::vector<double>& slack) {
  Intervals out(map.bias.size());
  for (std::size_t k = 0; k < out.size(); ++k) out[k] = {map.bias[k], map.bias[k]};
  for (std::size_t j = 0; j < in.size(); ++j) {
    const auto end = static_cast<std::size_t>(map.weights.start[j + 1]);
    for (auto t = static_cast<std::size_t>(map.weights.start[j]); t < end; ++t) {
      const auto [weight, row] = map.weights.terms[t];
      Interval& y = out[static_cast<std::size_t>(row)];
      y.low += weight * (weight > 0 ? in[j].low : in[j].high);
      y.high += weight * (weight > 0 ? in[j].high : in[j].low);
    }
  }
  for (std::size_t k = 0; k < out.size(); ++k) {
    // Without terms, nothing was summed: the bias is the value, but for what the bias itself is off.
    out[k] = widened(out[k], map.fan_in[k] > 0 ? slack[k] : map.bias_error[k]);
  }
  return out;
}

}  // namespace

std::vector<std::size_t> unstable_elements(const Intervals& bounds) {
  std::vector<std::size_t> elements;
  for (std::size_t k = 0; k < bounds.size(); ++k) {
    if (is_unstable(bounds[k])) elements.push_back(k);
  }
  return elements;
}

ReluLines relu_lines(Interval z) {
  if (z.high <= 0) return {};
  if (z.low >= 0) return {.slope_low = 1, .slope_high = 1, .offset = 0};
  const double width = z.high - z.low;
  if (!std::isfinite(width)) return {.slope_low = 0, .slope_high = 0, .offset = z.high};
  ReluLines lines;
  lines.slope_low = z.high > -z.low ? 1 : 0;
  lines.slope_high = z.high / width;
  // max(0, z) - s z is convex in z, so its maximum lies at an end: -s low or (1 - s) high. For s within one rounding of
  // slope_high the first changes by a factor below 1 + 2^-52 and the second by less than 2^-52 slope_high high.
  const double at_ends = std::max(lines.slope_high * -z.low, (1 - lines.slope_high) * z.high);
  lines.offset = (at_ends + 0x1p-52 * lines.slope_high * z.high) * (1 + 0x1p-50) + kFloor;
  return lines;
}

Relaxation::Relaxation(const Graph& graph, const Box& box) : graph_(&graph), bounds_{box.hull()} {
  slack_.emplace_back();
  lines_.emplace_back();
  live_.emplace_back();
}

void Relaxation::extend() {
  drop_dead_weights();
  const Graph::Node& node = graph_->node(last() + 1);
  lines_.emplace_back();
  live_.emplace_back();
  // A copy: the new value's bounds go into the same vector.
  const Intervals in = bounds(node.inputs[0]);
  std::visit(Overloaded{[&](const AffineMap& map) { extend_with(map, in); }, [&](const Relu&) { extend_with_relu(in); },
                        [&](const Add&) { extend_with_sum(in, Intervals(bounds(node.inputs[1]))); },
                        [&](const Flatten&) { extend_with_same(in); }},
             node.step);
}

void Relaxation::extend_with(const AffineMap& map, const Intervals& in) {
  slack_.push_back(slack_of(map, in, graph_->gamma()));
  bounds_.push_back(image(map, in, slack_.back()));
}

void Relaxation::extend_with_relu(const Intervals& in) {
  extend_with_same(in);
  for (Interval& y : bounds_.back()) y = {std::max(0.0, y.low), std::max(0.0, y.high)};
  for (std::size_t k = 0; k < in.size(); ++k) {
    lines_.back().push_back(relu_lines(in[k]));
    // The offset enters the constant with the coefficient on the output; of a closed neuron, nothing moves on.
    double& slack = slack_.back()[k];
    slack = in[k].high <= 0 ? 0 : slack + inflate(graph_->gamma() * lines_.back()[k].offset);
  }
}

void Relaxation::extend_with_sum(const Intervals& a, const Intervals& b) {
  Intervals sum(a.size());
  std::vector<double> slack(a.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    sum[k] = {or_nothing(sum_down(a[k].low, b[k].low)), -or_nothing(-sum_up(a[k].high, b[k].high))};
    slack[k] = inflate(graph_->gamma() * (magnitude(a[k]) + magnitude(b[k]))) + kFloor;
  }
  bounds_.push_back(std::move(sum));
  slack_.push_back(std::move(slack));
}

void Relaxation::extend_with_same(const Intervals& in) {
  std::vector<double> slack(in.size());
  for (std::size_t k = 0; k < in.size(); ++k) slack[k] = inflate(graph_->gamma() * magnitude(in[k])) + kFloor;
  bounds_.push_back(in);
  slack_.push_back(std::move(slack));
}

void Relaxation::tighten(std::size_t element, Interval known) {
  Interval& x = bounds_.back()[element];
  x = intersection(x, known);
}

/// Every image drops about half of a trained network: columns of neurons that are always 0, and rows of neurons that
/// reach nothing but a ReLU that they never open. What is left is copied once and used by every later substitution.
void Relaxation::drop_dead_weights() {
  const int value = last();
  if (value == 0) return;
  const auto* map = std::get_if<AffineMap>(&graph_->node(value).step);
  if (map == nullptr) return;
  const Intervals& in = bounds(graph_->node(value).inputs[0]);
  const Intervals& out = bounds(value);
  Columns& live = live_.back();
  live.start = {0};
  live.start.reserve(in.size() + 1);
  live.terms.reserve(map->weights.terms.size());
  std::vector<bool> dead(out.size(), false);
  for (std::size_t k = 0; k < out.size(); ++k) dead[k] = graph_->feeds_only_relu(value) && out[k].high <= 0;
  for (std::size_t j = 0; j < in.size(); ++j) {
    const auto begin = map->weights.terms.begin();
    for (auto t = begin + map->weights.start[j]; t != begin + map->weights.start[j + 1] && !is_zero(in[j]); ++t) {
      if (!dead[static_cast<std::size_t>(t->row)]) live.terms.push_back(*t);
    }
    live.start.push_back(static_cast<std::int64_t>(live.terms.size()));
  }
}

double Relaxation::underflow() const {
  // Every coefficient collects at most n products, each off by at most one denormal, times the element it multiplies.
  double size = 1;
  for (const Intervals& value : bounds_) {
    for (const Interval& x : value) size += magnitude(x);
  }
  return inflate(0x1p-1040 * size);  // 2^-1074 times n <= 2^30, products and offsets both
}

}  // namespace espalier::abstract
