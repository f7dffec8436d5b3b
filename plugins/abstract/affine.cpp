// SPDX-License-Identifier: Apache-2.0
#include "affine.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "rounding.hpp"

namespace espalier::abstract {
namespace {

/// Collects the entries of a matrix in any order and sorts them into columns.
class Entries {
 public:
  Entries(std::int64_t inputs, std::int64_t outputs)
      : inputs_(static_cast<std::size_t>(inputs)), outputs_(static_cast<std::size_t>(outputs)) {}

  void add(std::int64_t output, std::int64_t input, double weight) {
    if (weight != 0) entries_.push_back({weight, static_cast<std::int32_t>(output), static_cast<std::int32_t>(input)});
  }

  /// The map with these weights and no bias.
  AffineMap take() {
    AffineMap map;
    map.bias.assign(outputs_, 0);
    map.bias_error.assign(outputs_, 0);
    map.fan_in.assign(outputs_, 0);
    auto& start = map.weights.start;
    start.assign(inputs_ + 1, 0);
    for (const Entry& e : entries_) {
      ++start[static_cast<std::size_t>(e.input) + 1];
      ++map.fan_in[static_cast<std::size_t>(e.output)];
    }
    for (std::size_t j = 0; j < inputs_; ++j) start[j + 1] += start[j];
    std::vector<std::int64_t> next(start.begin(), start.end() - 1);
    map.weights.terms.resize(entries_.size());
    for (const Entry& e : entries_) {
      const std::int64_t place = next[static_cast<std::size_t>(e.input)]++;
      map.weights.terms[static_cast<std::size_t>(place)] = {e.weight, e.output};
    }
    return map;
  }

 private:
  struct Entry {
    double weight;
    std::int32_t output;
    std::int32_t input;
  };
  std::size_t inputs_;
  std::size_t outputs_;
  std::vector<Entry> entries_;
};

/// A window that slides over an image: where tap t of output position o reads, or -1 in the padding.
struct Slide {
  std::int64_t stride;
  std::int64_t padding;
  std::int64_t dilation;
  std::int64_t size;

  std::int64_t source(std::int64_t o, std::int64_t t) const {
    const std::int64_t at = o * stride - padding + t * dilation;
    return at < size ? at : -1;
  }
};

/// Calls use(output position, input position, tap) for every tap inside the image; positions are row-major.
template <class Use>
void for_each_tap(const Slide& down, const Slide& across, std::array<std::int64_t, 2> out,
                  std::array<std::int64_t, 2> kernel, Use use) {
  for (std::int64_t oy = 0; oy < out[0]; ++oy) {
    for (std::int64_t ky = 0; ky < kernel[0]; ++ky) {
      const std::int64_t y = down.source(oy, ky);
      if (y < 0) continue;
      for (std::int64_t ox = 0; ox < out[1]; ++ox) {
        for (std::int64_t kx = 0; kx < kernel[1]; ++kx) {
          const std::int64_t x = across.source(ox, kx);
          if (x >= 0) use(oy * out[1] + ox, y * across.size + x, ky * kernel[1] + kx);
        }
      }
    }
  }
}

}  // namespace

AffineMap affine_map(const Linear& op) {
  const std::int64_t outputs = op.weight.dim(0);
  const std::int64_t inputs = op.weight.dim(1);
  const auto weight = op.weight.as<float>();
  Entries entries(inputs, outputs);
  for (std::int64_t k = 0; k < outputs; ++k) {
    for (std::int64_t j = 0; j < inputs; ++j) entries.add(k, j, weight[static_cast<std::size_t>(k * inputs + j)]);
  }
  AffineMap map = entries.take();
  map.bias = op.bias.to_doubles();
  return map;
}

AffineMap affine_map(const Conv2d& op, const Shape& in, const Shape& out) {
  const std::int64_t in_area = in[1] * in[2];
  const std::int64_t out_area = out[1] * out[2];
  const std::int64_t group_inputs = op.weight.dim(1);
  const std::int64_t group_outputs = out[0] / op.groups;
  const std::int64_t taps = op.weight.dim(2) * op.weight.dim(3);
  const auto weight = op.weight.as<float>();
  const auto bias = op.bias.as<float>();
  Entries entries(in[0] * in_area, out[0] * out_area);
  for (std::int64_t co = 0; co < out[0]; ++co) {
    for (std::int64_t ci = 0; ci < group_inputs; ++ci) {
      const std::int64_t from = (co / group_outputs) * group_inputs + ci;
      for_each_tap({op.stride[0], op.padding[0], op.dilation[0], in[1]},
                   {op.stride[1], op.padding[1], op.dilation[1], in[2]}, {out[1], out[2]},
                   {op.weight.dim(2), op.weight.dim(3)}, [&](std::int64_t o, std::int64_t i, std::int64_t tap) {
                     const std::int64_t w = (co * group_inputs + ci) * taps + tap;
                     entries.add(co * out_area + o, from * in_area + i, weight[static_cast<std::size_t>(w)]);
                   });
    }
  }
  AffineMap map = entries.take();
  for (std::size_t k = 0; k < map.bias.size(); ++k) map.bias[k] = bias[k / static_cast<std::size_t>(out_area)];
  return map;
}

AffineMap affine_map(const BatchNorm& op, const Shape& in) {
  const std::int64_t area = element_count(in) / in[0];
  const auto gamma = op.gamma.as<float>();
  const auto beta = op.beta.as<float>();
  const auto mean = op.mean.as<float>();
  const auto variance = op.variance.as<float>();
  Entries entries(in[0] * area, in[0] * area);
  std::vector<double> bias;
  std::vector<double> bias_error;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    const double scale = double{gamma[c]} / std::sqrt(double{variance[c]} + op.epsilon);
    const double shift = scale * double{mean[c]};
    const bool exact = gamma[c] == 0 || mean[c] == 0;
    for (std::int64_t i = 0; i < area; ++i) {
      const std::int64_t k = static_cast<std::int64_t>(c) * area + i;
      entries.add(k, k, scale);
      bias.push_back(double{beta[c]} - shift);
      // scale is off by less than 4 units, shift by 5, the difference by one unit of itself.
      bias_error.push_back(exact ? 0 : 8 * kUnit * (std::abs(double{beta[c]}) + std::abs(shift)) + kFloor);
    }
  }
  AffineMap map = entries.take();
  map.bias = std::move(bias);
  map.bias_error = std::move(bias_error);
  map.weight_error = 4 * kUnit;  // a sum (1), its root (half of it, and 1), a quotient (1)
  map.elementwise = true;
  return map;
}

AffineMap affine_map(const AvgPool& op, const Shape& in, const Shape& out) {
  const std::int64_t in_area = in[1] * in[2];
  const std::int64_t out_area = out[1] * out[2];
  const double share = 1 / static_cast<double>(op.kernel[0] * op.kernel[1]);
  Entries entries(in[0] * in_area, in[0] * out_area);
  for (std::int64_t c = 0; c < in[0]; ++c) {
    for_each_tap(
        {op.stride[0], op.padding[0], 1, in[1]}, {op.stride[1], op.padding[1], 1, in[2]}, {out[1], out[2]}, op.kernel,
        [&](std::int64_t o, std::int64_t i, std::int64_t) { entries.add(c * out_area + o, c * in_area + i, share); });
  }
  AffineMap map = entries.take();
  map.weight_error = 2 * kUnit;
  return map;
}

AffineMap affine_map(const Affine& op) {
  const auto scale = op.scale.as<float>();
  const auto divisor = op.divisor.as<float>();
  Entries entries(op.scale.size(), op.scale.size());
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const double weight = divisor.empty() ? double{scale[i]} : double{scale[i]} / double{divisor[i]};
    entries.add(static_cast<std::int64_t>(i), static_cast<std::int64_t>(i), weight);
  }
  AffineMap map = entries.take();
  map.bias = op.shift.to_doubles();
  map.weight_error = divisor.empty() ? 0 : kUnit;  // one quotient of floats, too large to be subnormal
  map.elementwise = true;
  return map;
}

AffineMap moving_map(const std::vector<std::int64_t>& sources, const Shape& in) {
  Entries entries(element_count(in), static_cast<std::int64_t>(sources.size()));
  for (std::size_t k = 0; k < sources.size(); ++k) {
    if (sources[k] >= 0) entries.add(static_cast<std::int64_t>(k), sources[k], 1);
  }
  AffineMap map = entries.take();
  map.elementwise = true;
  return map;
}

}  // namespace espalier::abstract
