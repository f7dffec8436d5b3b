// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <espalier/network.hpp>

namespace espalier::artifact {

/// What a batch norm does to the elements of one channel: gamma (x - mean) / sqrt(variance + epsilon) + beta.
struct Channel {
  float gamma = 1;
  float beta = 0;
  float mean = 0;
  float variance = 1;
  double epsilon = 0;
};

/// One sample through a network in any arithmetic. An arithmetic A says what a number is and how to do five things
/// with it:
///
///   class Number { Number(); explicit Number(double x); };  // without a value: 0
///   class Sum { void add(double factor, const Number& x); Number take(double bias) const; };  // of factor x, plus
///   bias class Norm { explicit Norm(const Channel& channel); Number operator()(const Number& x) const; }; static
///   Number relu(const Number& x); static Number plus(const Number& a, const Number& b); static Number divided(const
///   Number& x, double by);
template <class A>
class Walk {
 public:
  using Number = typename A::Number;
  using Numbers = std::vector<Number>;

  explicit Walk(const Network& network) : network_(network) {}

  /// The outputs. Needs: as many numbers as the network has inputs.
  Numbers outputs(Numbers input) {
    values_.clear();
    values_.push_back(std::move(input));
    for (const Layer& layer : network_.layers()) {
      const Numbers& in = values_[static_cast<std::size_t>(layer.inputs[0])];
      const Shape& from = network_.value_shape(layer.inputs[0]);
      const Shape& to = network_.value_shape(static_cast<int>(values_.size()));
      values_.push_back(std::visit(
          Overloaded{[&](const Linear& op) { return linear(op, in); },
                     [&](const Conv2d& op) { return convolution(op, in, from, to); },
                     [&](const BatchNorm& op) { return batch_norm(op, in); }, [&](const Relu&) { return relu(in); },
                     [&](const Add&) { return sum(in, values_[static_cast<std::size_t>(layer.inputs[1])]); },
                     [&](const Flatten&) { return in; }, [&](const AvgPool& op) { return average(op, in, from, to); },
                     [&](const Affine& op) { return affine(op, in); }, [&](const Reshape&) { return in; },
                     [&](const Transpose& op) { return moved(sources(op, from), in); },
                     [&](const Pad& op) { return moved(sources(op, from), in); }},
          layer.op));
    }
    return std::move(values_.back());
  }

 private:
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

  static Numbers linear(const Linear& op, const Numbers& in) {
    const auto weight = op.weight.template as<float>();
    const auto bias = op.bias.template as<float>();
    Numbers out;
    out.reserve(bias.size());
    for (std::size_t k = 0; k < bias.size(); ++k) {
      const auto row = weight.subspan(k * in.size(), in.size());
      typename A::Sum sum;
      for (std::size_t j = 0; j < row.size(); ++j) sum.add(row[j], in[j]);
      out.push_back(sum.take(bias[k]));
    }
    return out;
  }

  /// The positions of a window along one axis that lie inside the image.
  struct Window {
    std::int64_t origin;
    std::int64_t dilation;
    std::int64_t taps;
    std::int64_t size;
    std::int64_t position(std::int64_t tap) const { return origin + tap * dilation; }
    bool holds(std::int64_t tap) const { return position(tap) >= 0 && position(tap) < size; }
  };

  /// Adds one channel's window to a sum; `factor(tap)` is a weight, taps counted row by row.
  template <class Factor>
  static void add_window(typename A::Sum& sum, std::span<const Number> image, const Window& down, const Window& across,
                         Factor factor) {
    for (std::int64_t i = 0; i < down.taps; ++i) {
      for (std::int64_t j = 0; j < across.taps; ++j) {
        if (!down.holds(i) || !across.holds(j)) continue;
        sum.add(factor(i * across.taps + j), image[at(down.position(i) * across.size + across.position(j))]);
      }
    }
  }

  static Numbers convolution(const Conv2d& op, const Numbers& in, const Shape& from, const Shape& to) {
    const auto weight = op.weight.template as<float>();
    const auto bias = op.bias.template as<float>();
    const std::int64_t depth = op.weight.dim(1);
    const std::int64_t area = from[1] * from[2];
    const std::int64_t taps = op.weight.dim(2) * op.weight.dim(3);
    Numbers out;
    out.reserve(at(element_count(to)));
    for (std::int64_t c = 0; c < to[0]; ++c) {
      const std::int64_t first = c / (to[0] / op.groups) * depth;  // the group's first input channel
      for (std::int64_t y = 0; y < to[1]; ++y) {
        for (std::int64_t x = 0; x < to[2]; ++x) {
          typename A::Sum sum;
          for (std::int64_t d = 0; d < depth; ++d) {
            const float* kernel = weight.data() + (c * depth + d) * taps;
            add_window(sum, std::span(in).subspan(at((first + d) * area), at(area)),
                       {y * op.stride[0] - op.padding[0], op.dilation[0], op.weight.dim(2), from[1]},
                       {x * op.stride[1] - op.padding[1], op.dilation[1], op.weight.dim(3), from[2]},
                       [&](std::int64_t tap) { return kernel[tap]; });
          }
          out.push_back(sum.take(bias[at(c)]));
        }
      }
    }
    return out;
  }

  static Numbers average(const AvgPool& op, const Numbers& in, const Shape& from, const Shape& to) {
    const std::int64_t area = from[1] * from[2];
    Numbers out;
    out.reserve(at(element_count(to)));
    for (std::int64_t c = 0; c < to[0]; ++c) {
      for (std::int64_t y = 0; y < to[1]; ++y) {
        for (std::int64_t x = 0; x < to[2]; ++x) {
          typename A::Sum sum;
          add_window(sum, std::span(in).subspan(at(c * area), at(area)),
                     {y * op.stride[0] - op.padding[0], 1, op.kernel[0], from[1]},
                     {x * op.stride[1] - op.padding[1], 1, op.kernel[1], from[2]}, [](std::int64_t) { return 1.0F; });
          out.push_back(A::divided(sum.take(0), static_cast<double>(op.kernel[0] * op.kernel[1])));
        }
      }
    }
    return out;
  }

  static Numbers batch_norm(const BatchNorm& op, const Numbers& in) {
    const auto gamma = op.gamma.template as<float>();
    const auto beta = op.beta.template as<float>();
    const auto mean = op.mean.template as<float>();
    const auto variance = op.variance.template as<float>();
    const std::size_t area = in.size() / gamma.size();
    Numbers out;
    out.reserve(in.size());
    for (std::size_t c = 0; c < gamma.size(); ++c) {
      const typename A::Norm norm({gamma[c], beta[c], mean[c], variance[c], op.epsilon});
      for (std::size_t i = 0; i < area; ++i) out.push_back(norm(in[c * area + i]));
    }
    return out;
  }

  static Numbers affine(const Affine& op, const Numbers& in) {
    const auto scale = op.scale.template as<float>();
    const auto shift = op.shift.template as<float>();
    const auto divisor = op.divisor.template as<float>();  // empty: 1
    Numbers out;
    out.reserve(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      typename A::Sum scaled;
      scaled.add(scale[i], in[i]);
      const Number x = scaled.take(0);
      out.push_back(A::plus(divisor.empty() ? x : A::divided(x, divisor[i]), Number(shift[i])));
    }
    return out;
  }

  static Numbers moved(const std::vector<std::int64_t>& from, const Numbers& in) {
    Numbers out;
    out.reserve(from.size());
    for (const std::int64_t i : from) out.push_back(i < 0 ? Number() : in[at(i)]);
    return out;
  }

  static Numbers relu(const Numbers& in) {
    Numbers out;
    out.reserve(in.size());
    for (const Number& x : in) out.push_back(A::relu(x));
    return out;
  }

  static Numbers sum(const Numbers& a, const Numbers& b) {
    Numbers out;
    out.reserve(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) out.push_back(A::plus(a[i], b[i]));
    return out;
  }

  const Network& network_;
  std::vector<Numbers> values_;
};

}  // namespace espalier::artifact
