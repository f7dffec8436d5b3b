// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "support/exact_network.hpp"

namespace espalier::testing {

using Point = std::vector<Wide>;

/// A box over the reals.
struct ExactBox {
  Point low;
  Point high;
  bool contains(const Point& x) const {
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (!(low[i] <= x[i] && x[i] <= high[i])) return false;
    }
    return true;
  }
};

inline ExactBox exact_box(const std::vector<float>& centre, double epsilon, double clip_low, double clip_high) {
  ExactBox box;
  for (const float c : centre) {
    box.low.push_back(std::max(Wide(c) - Wide(epsilon), Wide(clip_low)));
    box.high.push_back(std::min(Wide(c) + Wide(epsilon), Wide(clip_high)));
  }
  return box;
}

/// One input: the ends and every place where a neuron's sign changes, found layer by layer. Between two neighbours the
/// network is linear, so any margin is smallest at one of them.
inline std::vector<Point> corners_in_one_dimension(const Network& network, const ExactBox& box) {
  const ExactNetwork<Wide> exact(network);
  std::vector<Wide> xs{box.low[0], box.high[0]};
  for (const Layer& layer : network.layers()) {
    if (!std::holds_alternative<Relu>(layer.op)) continue;
    std::vector<std::vector<Wide>> z;
    for (const Wide& x : xs) z.push_back(exact.values({x})[static_cast<std::size_t>(layer.inputs[0])]);
    std::vector<Wide> crossings;
    for (std::size_t i = 0; i + 1 < xs.size(); ++i) {
      for (std::size_t k = 0; k < z[i].size(); ++k) {
        if (z[i][k] * z[i + 1][k] >= 0) continue;
        crossings.push_back(xs[i] + (xs[i + 1] - xs[i]) * (z[i][k] / (z[i][k] - z[i + 1][k])));
      }
    }
    xs.insert(xs.end(), crossings.begin(), crossings.end());
    std::sort(xs.begin(), xs.end());
  }
  std::vector<Point> points;
  for (const Wide& x : xs) points.push_back({x});
  return points;
}

/// A line a x + b y + c = 0.
struct Line {
  Wide a;
  Wide b;
  Wide c;
};

inline std::optional<Point> crossing(const Line& p, const Line& q) {
  const Wide determinant = p.a * q.b - q.a * p.b;
  if (determinant == 0) return std::nullopt;
  return Point{(p.b * q.c - q.b * p.c) / determinant, (q.a * p.c - p.a * q.c) / determinant};
}

/// Two inputs: the corners of the box and of the pieces into which the first hidden layer cuts it. With one hidden
/// layer the network is linear on every piece, so any margin is smallest at one of them.
inline std::vector<Point> corners_in_two_dimensions(const Network& network, const ExactBox& box) {
  const ExactNetwork<Wide> exact(network);
  std::vector<Line> lines{{1, 0, -box.low[0]}, {1, 0, -box.high[0]}, {0, 1, -box.low[1]}, {0, 1, -box.high[1]}};
  const auto at_origin = exact.values({0, 0})[1];
  const auto at_x = exact.values({1, 0})[1];
  const auto at_y = exact.values({0, 1})[1];
  for (std::size_t k = 0; k < at_origin.size(); ++k) {
    lines.push_back({at_x[k] - at_origin[k], at_y[k] - at_origin[k], at_origin[k]});
  }
  std::vector<Point> points;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const auto x = crossing(lines[i], lines[j]);
      if (x && box.contains(*x)) points.push_back(*x);
    }
  }
  return points;
}

/// Smallest label score minus best other score at the points.
inline Wide smallest_margin(const Network& network, std::size_t label, const std::vector<Point>& points) {
  const ExactNetwork<Wide> exact(network);
  std::optional<Wide> smallest;
  for (const Point& x : points) {
    const auto y = exact.output(x);
    for (std::size_t c = 0; c < y.size(); ++c) {
      if (c != label && (!smallest || y[label] - y[c] < *smallest)) smallest = y[label] - y[c];
    }
  }
  return smallest.value();
}

}  // namespace espalier::testing
