// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A network on a group of samples at once, over numbers or intervals. Sums run in the order of the weights and every
/// lane on its own, so that results do not depend on the processor's vector width. A library's matrix product would sum
/// in an order that depends on cache sizes.
///
/// This is neither of the two that look like it. Network::forward takes one sample: here a weight is read once for
/// sixteen, which is what makes the accuracy on a whole test split cheap. The intervals of plugins/abstract carry error
/// terms that make them proofs, and are of one box: here they are rounded to nearest and only counted. A test holds
/// this walk against Network::forward on every operation.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::measure {

inline constexpr std::size_t kLanes = 16;

/// One element of a value for kLanes samples; a batch is a whole value.
template <class T>
using Lanes = std::array<T, kLanes>;
template <class T>
using Batch = std::vector<Lanes<T>>;

/// Bounds of a number. Computed without outward rounding: good for statistics, not for proofs.
struct Interval {
  double low = 0;
  double high = 0;
};

inline double times(double w, double x) {
  return w * x;
}
inline double plus(double a, double b) {
  return a + b;
}
inline double above_zero(double x) {
  return x > 0 ? x : 0;
}
inline Interval times(double w, Interval x) {
  return w >= 0 ? Interval{w * x.low, w * x.high} : Interval{w * x.high, w * x.low};
}
inline Interval plus(Interval a, Interval b) {
  return {a.low + b.low, a.high + b.high};
}
inline Interval above_zero(Interval x) {
  return {above_zero(x.low), above_zero(x.high)};
}

inline double constant(double x, double) {
  return x;
}
inline Interval constant(double x, Interval) {
  return {x, x};
}

template <class T>
Lanes<T> filled(double x) {
  Lanes<T> out;
  out.fill(constant(x, T{}));
  return out;
}

template <class T>
void add_scaled(Lanes<T>& sum, double w, const Lanes<T>& x) {
  for (std::size_t i = 0; i < kLanes; ++i) sum[i] = plus(sum[i], times(w, x[i]));
}

template <class T>
Batch<T> apply(const Linear& op, const Batch<T>& x) {
  const auto weight = op.weight.as<float>();
  const auto bias = op.bias.as<float>();
  Batch<T> out(bias.size());
  for (std::size_t o = 0; o < bias.size(); ++o) {
    const auto row = weight.subspan(o * x.size(), x.size());
    Lanes<T> sum = filled<T>(bias[o]);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (row[i] != 0) add_scaled(sum, row[i], x[i]);  // pruned weights cost nothing
    }
    out[o] = sum;
  }
  return out;
}

struct Window {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> padding{0, 0};
  std::array<std::int64_t, 2> dilation{1, 1};
};

/// Calls `use(kernel index, element index)` for the entries of a window of one channel that lie inside the image.
template <class Use>
void for_window(const Window& w, std::int64_t out_y, std::int64_t out_x, Use use) {
  for (std::int64_t ky = 0; ky < w.kernel[0]; ++ky) {
    const std::int64_t y = out_y * w.stride[0] - w.padding[0] + ky * w.dilation[0];
    if (y < 0 || y >= w.height) continue;
    for (std::int64_t kx = 0; kx < w.kernel[1]; ++kx) {
      const std::int64_t x = out_x * w.stride[1] - w.padding[1] + kx * w.dilation[1];
      if (x < 0 || x >= w.width) continue;
      use(static_cast<std::size_t>(ky * w.kernel[1] + kx), static_cast<std::size_t>(y * w.width + x));
    }
  }
}

template <class T>
Batch<T> apply(const Conv2d& op, const Batch<T>& x, const Shape& in, const Shape& out_shape) {
  const auto weight = op.weight.as<float>();
  const auto bias = op.bias.as<float>();
  const auto channels = static_cast<std::size_t>(op.weight.dim(1));
  const auto per_group = bias.size() / static_cast<std::size_t>(op.groups);
  const Window window{.height = in[1],
                      .width = in[2],
                      .kernel = {op.weight.dim(2), op.weight.dim(3)},
                      .stride = op.stride,
                      .padding = op.padding,
                      .dilation = op.dilation};
  const auto kernel = static_cast<std::size_t>(window.kernel[0] * window.kernel[1]);
  const auto plane = static_cast<std::size_t>(in[1] * in[2]);
  Batch<T> out;
  out.reserve(static_cast<std::size_t>(element_count(out_shape)));
  for (std::size_t o = 0; o < bias.size(); ++o) {
    for (std::int64_t y = 0; y < out_shape[1]; ++y) {
      for (std::int64_t at = 0; at < out_shape[2]; ++at) {
        Lanes<T> sum = filled<T>(bias[o]);
        for (std::size_t c = 0; c < channels; ++c) {
          const std::size_t from = (o / per_group * channels + c) * plane;
          const auto row = weight.subspan((o * channels + c) * kernel, kernel);
          for_window(window, y, at, [&](std::size_t k, std::size_t i) {
            if (row[k] != 0) add_scaled(sum, row[k], x[from + i]);
          });
        }
        out.push_back(sum);
      }
    }
  }
  return out;
}

template <class T>
Batch<T> apply(const AvgPool& op, const Batch<T>& x, const Shape& in, const Shape& out_shape) {
  const Window window{.height = in[1], .width = in[2], .kernel = op.kernel, .stride = op.stride, .padding = op.padding};
  const double share = 1.0 / static_cast<double>(op.kernel[0] * op.kernel[1]);
  Batch<T> out;
  out.reserve(static_cast<std::size_t>(element_count(out_shape)));
  for (std::int64_t c = 0; c < out_shape[0]; ++c) {
    for (std::int64_t y = 0; y < out_shape[1]; ++y) {
      for (std::int64_t at = 0; at < out_shape[2]; ++at) {
        Lanes<T> sum = filled<T>(0);
        const auto from = static_cast<std::size_t>(c * in[1] * in[2]);
        for_window(window, y, at, [&](std::size_t, std::size_t i) { add_scaled(sum, share, x[from + i]); });
        out.push_back(sum);
      }
    }
  }
  return out;
}

template <class T>
Batch<T> apply(const BatchNorm& op, const Batch<T>& x) {
  const auto channels = static_cast<std::size_t>(op.gamma.size());
  const std::size_t width = x.size() / channels;
  Batch<T> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i / width;
    const double spread = std::sqrt(static_cast<double>(op.variance.as<float>()[c]) + op.epsilon);
    const double scale = static_cast<double>(op.gamma.as<float>()[c]) / spread;
    const double shift =
        static_cast<double>(op.beta.as<float>()[c]) - scale * static_cast<double>(op.mean.as<float>()[c]);
    out[i] = filled<T>(shift);
    add_scaled(out[i], scale, x[i]);
  }
  return out;
}

template <class T>
Batch<T> apply(const Affine& op, const Batch<T>& x) {
  const auto scale = op.scale.as<float>();
  const auto shift = op.shift.as<float>();
  const auto divisor = op.divisor.as<float>();  // empty: 1
  Batch<T> out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = filled<T>(shift[i]);
    add_scaled(out[i], divisor.empty() ? double{scale[i]} : double{scale[i]} / double{divisor[i]}, x[i]);
  }
  return out;
}

/// Elements at new places; -1 stands for a zero.
template <class T>
Batch<T> moved(const std::vector<std::int64_t>& sources, const Batch<T>& x) {
  Batch<T> out;
  out.reserve(sources.size());
  for (const std::int64_t i : sources) out.push_back(i < 0 ? filled<T>(0) : x[static_cast<std::size_t>(i)]);
  return out;
}

template <class T>
Batch<T> rectified(Batch<T> x) {
  for (Lanes<T>& lanes : x) {
    for (T& entry : lanes) entry = above_zero(entry);
  }
  return x;
}

template <class T>
Batch<T> sum_of(Batch<T> a, const Batch<T>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) add_scaled(a[i], 1.0, b[i]);
  return a;
}

/// Every value of the network for a group of samples; the first is the input, the last the output.
template <class T>
std::vector<Batch<T>> forward(const Network& network, Batch<T> input) {
  std::vector<Batch<T>> values = {std::move(input)};
  for (const Layer& layer : network.layers()) {
    const auto in = [&](std::size_t i) -> const Batch<T>& { return values[static_cast<std::size_t>(layer.inputs[i])]; };
    const Shape& in_shape = network.value_shape(layer.inputs[0]);
    const Shape& out_shape = network.value_shape(static_cast<int>(values.size()));
    values.push_back(std::visit(Overloaded{
                                    [&](const Linear& op) { return apply(op, in(0)); },
                                    [&](const Conv2d& op) { return apply(op, in(0), in_shape, out_shape); },
                                    [&](const BatchNorm& op) { return apply(op, in(0)); },
                                    [&](const Relu&) { return rectified(in(0)); },
                                    [&](const Add&) { return sum_of(in(0), in(1)); },
                                    [&](const Flatten&) { return in(0); },
                                    [&](const AvgPool& op) { return apply(op, in(0), in_shape, out_shape); },
                                    [&](const Affine& op) { return apply(op, in(0)); },
                                    [&](const Reshape&) { return in(0); },
                                    [&](const Transpose& op) { return moved(sources(op, in_shape), in(0)); },
                                    [&](const Pad& op) { return moved(sources(op, in_shape), in(0)); },
                                },
                                layer.op));
  }
  return values;
}

}  // namespace espalier::measure
