// SPDX-License-Identifier: Apache-2.0
#include "zonotope.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include <abstract/rounding.hpp>

namespace espalier::crown {
namespace {

using abstract::inflate;
using abstract::kFloor;
using abstract::kUnit;

/// Rows of a value hold at most this many numbers in all; generators beyond that become errors.
constexpr std::int64_t kMostNumbers = std::int64_t{1} << 24;

long padded(int columns) {
  return (columns + kFormWidth - 1) / kFormWidth * kFormWidth;
}

void make_room(Forms& y, std::size_t elements, int columns) {
  y.columns = columns;
  y.stride = padded(columns);
  const std::size_t numbers = elements * static_cast<std::size_t>(y.stride);
  if (y.rows.size() < numbers) y.rows = Aligned<double>(numbers + numbers / 2);
  y.error.resize(elements);
  y.radius.resize(elements);
  y.fresh.clear();
}

void make_all_live(Forms& y) {
  y.live.resize(y.error.size());
  std::iota(y.live.begin(), y.live.end(), 0);
}

LiveElements live(const Forms& x) {
  return {x.live.data(), static_cast<int>(x.live.size())};
}
/// The kernels do not change what they read.
FormRows rows(const Forms& x) {
  return {const_cast<double*>(x.rows.data()), x.stride};
}

void sum_radii(Forms& y) {
  form_kernels().radii(static_cast<int>(y.error.size()), static_cast<int>(y.stride), rows(y), y.radius.data());
  for (double& r : y.radius) r = inflate(r);
}

/// How far an element can be from its centre c. Covers the rounding of c plus or minus it.
double reach(double c, double radius, double error) {
  return inflate(radius + error + 4 * kUnit * std::abs(c)) + kFloor;
}

}  // namespace

Zonotope::Zonotope(const FormNetwork& network)
    : network_(&network), forms_(static_cast<std::size_t>(network.values())) {
  int widest = 1;
  for (int v = 0; v < network.values(); ++v) {
    const bool same = v > 0 && network.step(v).kind == FormStep::Kind::same;
    place_.push_back(same ? place_[static_cast<std::size_t>(network.step(v).first)] : v);
    widest = std::max(widest, network.size(v));
  }
  sizes_.resize(static_cast<std::size_t>(widest));
  most_generators_ = static_cast<int>(std::max<std::int64_t>(kMostNumbers / widest, kFormWidth));
}

Forms& Zonotope::forms(int value) {
  return forms_[static_cast<std::size_t>(place_[static_cast<std::size_t>(value)])];
}

void Zonotope::bound(std::span<const double> low, std::span<const double> high) {
  set_input(low, high);
  for (int v = 1; v < network_->values(); ++v) {
    const FormStep& step = network_->step(v);
    switch (step.kind) {
      case FormStep::Kind::affine:
        affine(step, forms(step.first), forms(v));
        break;
      case FormStep::Kind::relu:
        relu(settled(step.first), forms(v));
        break;
      case FormStep::Kind::add:
        add(settled(step.first), settled(step.second), forms(v));
        break;
      case FormStep::Kind::same:
        break;
    }
  }
}

void Zonotope::set_input(std::span<const double> low, std::span<const double> high) {
  Forms& x = forms_.front();
  make_room(x, low.size(), 1);
  make_all_live(x);
  std::fill_n(x.rows.data(), static_cast<long>(low.size()) * x.stride, 0.0);
  std::fill(x.error.begin(), x.error.end(), 0.0);
  directions_.clear();
  x.first_fresh = 1;
  for (std::size_t i = 0; i < low.size(); ++i) {
    const double centre = std::midpoint(low[i], high[i]);
    const double radius = std::max(abstract::sum_up(high[i], -centre), abstract::sum_up(centre, -low[i]));
    x.row(i)[0] = centre;
    x.radius[i] = radius;
    if (radius == 0) continue;
    directions_.push_back({static_cast<std::int32_t>(i), centre, radius});
    x.fresh.push_back({static_cast<std::int32_t>(i), radius});
  }
  origins_.clear();
  has_shares_ = false;
}

void Zonotope::affine(const FormStep& step, const Forms& x, Forms& y) {
  multiply(step, x, y);
  for (std::size_t i = 0; i < step.bias.size(); ++i) y.row(i)[0] += step.bias[i];
  // Off by gamma |W| (|centre| + generators) and |W| error, and by what the map itself is off.
  const double relative = inflate(network_->gamma() + step.weight_error);
  std::fill_n(sizes_.begin(), x.error.size(), 0.0);
  for (const std::int32_t live_element : x.live) {
    const auto j = static_cast<std::size_t>(live_element);
    sizes_[j] = x.error[j] + relative * (std::abs(x.row(j)[0]) + x.radius[j] + x.error[j]);
  }
  step.matrix->multiply_sizes(live(x), sizes_.data(), y.error.data());
  for (std::size_t i = 0; i < y.error.size(); ++i) {
    const double of_bias = network_->gamma() * std::abs(step.bias[i]) + step.bias_error[i];
    y.error[i] = inflate(y.error[i] + of_bias) + kFloor;
  }
  sum_radii(y);
}

void Zonotope::multiply(const FormStep& step, const Forms& x, Forms& y) const {
  const auto outputs = static_cast<std::size_t>(step.matrix->rows());
  make_room(y, outputs, x.all_columns());
  make_all_live(y);
  const long mixed = padded(x.columns);
  step.matrix->multiply(live(x), static_cast<int>(mixed), rows(x), rows(y));
  for (std::size_t i = 0; i < outputs; ++i) std::fill(y.row(i) + mixed, y.row(i) + y.stride, 0.0);
  double* column = y.rows.data() + x.first_fresh;
  for (const auto& [element, radius] : x.fresh) step.matrix->column(element, radius, column++, y.stride);
}

void Zonotope::relu(const Forms& x, Forms& y) {
  make_room(y, x.error.size(), x.columns);
  y.first_fresh = columns();
  y.live.clear();
  for (std::size_t i = 0; i < x.error.size(); ++i) {
    const double centre = x.row(i)[0];
    const double far = reach(centre, x.radius[i], x.error[i]);
    const double low = centre - far;
    const double high = centre + far;
    y.error[i] = y.radius[i] = 0;
    if (high <= 0) {
      std::fill_n(y.row(i), y.stride, 0.0);
      continue;
    }
    y.live.push_back(static_cast<std::int32_t>(i));
    if (low >= 0) {
      std::copy_n(x.row(i), y.stride, y.row(i));
      y.error[i] = x.error[i];
      y.radius[i] = x.radius[i];
    } else {
      relax(x, i, low, high, y);
    }
  }
}

/// z -> slope z + offset / 2, give or take offset / 2, which is a generator of its own: max(0, z) - slope z is convex
/// in z, at least 0 and at most its value at an end.
void Zonotope::relax(const Forms& x, std::size_t i, double low, double high, Forms& y) {
  const double width = high - low;
  const double slope = std::isfinite(width) ? high / width : 0;
  const double offset = std::max(-slope * low, (1 - slope) * high);
  const double* from = x.row(i);
  form_kernels().scale(static_cast<int>(y.stride), slope, from, y.row(i));
  y.row(i)[0] += offset / 2;
  const double rounded = 4 * kUnit * (slope * (std::abs(from[0]) + x.radius[i]) + offset);
  const double radius = inflate(offset / 2 + slope * x.error[i] + rounded) + kFloor;
  y.radius[i] = inflate(slope * x.radius[i]);
  if (columns() >= most_generators_) {
    y.error[i] = radius;
    return;
  }
  y.radius[i] += radius;
  y.fresh.push_back({static_cast<std::int32_t>(i), radius});
  origins_.push_back({&x, i});
}

/// A direction is its own; a neuron's generator belongs to the directions as the generators in the neuron's input do.
void Zonotope::find_shares() {
  const std::size_t n = directions_.size();
  shares_stride_ = padded(columns());
  const auto stride = static_cast<std::size_t>(shares_stride_);
  if (shares_.size() < n * stride) shares_ = Aligned<double>(2 * n * stride);
  std::fill_n(shares_.data(), n * stride, 0.0);
  for (std::size_t d = 0; d < n; ++d) shares_[d * stride + d + 1] = 1;
  std::vector<double> share(n);
  std::size_t column = n + 1;
  for (const auto& [forms, element] : origins_) {
    form_kernels().shares(static_cast<int>(forms->stride), forms->row(element), static_cast<int>(n), shares_.data(),
                          shares_stride_, share.data());
    const double total = std::accumulate(share.begin(), share.end(), 0.0);
    for (std::size_t d = 0; d < n && total > 0; ++d) shares_[d * stride + column] = share[d] / total;
    ++column;
  }
  has_shares_ = true;
}

void Zonotope::add_scores(std::size_t g, std::span<double> scores) {
  if (!has_shares_) find_shares();
  const Forms& goals = forms_.back();
  std::vector<double> of_goal(scores.size());
  form_kernels().shares(static_cast<int>(goals.stride), goals.row(g), static_cast<int>(scores.size()), shares_.data(),
                        shares_stride_, of_goal.data());
  for (std::size_t d = 0; d < scores.size(); ++d) scores[d] += of_goal[d];
}

void Zonotope::add(const Forms& a, const Forms& b, Forms& y) const {
  const std::size_t elements = a.error.size();
  make_room(y, elements, std::max(a.columns, b.columns));
  make_all_live(y);
  for (std::size_t i = 0; i < elements; ++i) {
    double* out = y.row(i);
    std::fill_n(out, y.stride, 0.0);
    for (int c = 0; c < a.columns; ++c) out[c] += a.row(i)[c];
    for (int c = 0; c < b.columns; ++c) out[c] += b.row(i)[c];
    const double sizes = std::abs(a.row(i)[0]) + a.radius[i] + std::abs(b.row(i)[0]) + b.radius[i];
    y.error[i] = inflate(a.error[i] + b.error[i] + kUnit * sizes) + kFloor;
  }
  sum_radii(y);
}

/// The same forms without fresh generators.
Forms& Zonotope::settled(int value) {
  Forms& x = forms(value);
  if (x.fresh.empty()) return x;
  const Forms old = std::move(x);
  x = {};
  make_room(x, old.error.size(), old.all_columns());
  for (std::size_t i = 0; i < old.error.size(); ++i) {
    std::fill_n(x.row(i), x.stride, 0.0);
    std::copy_n(old.row(i), old.columns, x.row(i));
  }
  int column = old.first_fresh;
  for (const auto& [element, radius] : old.fresh) x.row(static_cast<std::size_t>(element))[column++] = radius;
  x.error = old.error;
  x.radius = old.radius;
  x.live = old.live;
  return x;
}

std::span<const double> Zonotope::goal_row(std::size_t g) const {
  return {forms_.back().row(g), static_cast<std::size_t>(forms_.back().columns)};
}

Plane Zonotope::goal_plane(std::size_t g) const {
  const std::span<const double> row = goal_row(g);
  const std::size_t n = directions_.size();
  double others = 0;
  for (std::size_t c = n + 1; c < row.size(); ++c) others += std::abs(row[c]);
  return {abstract::or_nothing(row[0] - reach(row[0], others, goal_error(g))), row.subspan(1, n)};
}

double Zonotope::goal_bound(std::size_t g) const {
  const Forms& goals = forms_.back();
  const double centre = goals.row(g)[0];
  return abstract::or_nothing(centre - reach(centre, goals.radius[g], goals.error[g]));
}

}  // namespace espalier::crown
