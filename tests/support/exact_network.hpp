// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <boost/multiprecision/cpp_bin_float.hpp>

#include <espalier/network.hpp>

namespace espalier::testing {

/// 600 bits: sums of products of a few layers of floats are exact, anything else is off by 1e-180 of itself.
using Wide =
    boost::multiprecision::number<boost::multiprecision::cpp_bin_float<600, boost::multiprecision::digit_base_2>,
                                  boost::multiprecision::et_off>;

/// Every value of a network for one input, computed in T straight from the definitions in network.hpp.
template <class T>
class ExactNetwork {
 public:
  explicit ExactNetwork(const Network& network) : network_(network) {}

  std::vector<std::vector<T>> values(std::vector<T> input) const {
    std::vector<std::vector<T>> all{std::move(input)};
    for (const Layer& layer : network_.layers()) {
      const int value = static_cast<int>(all.size());
      const std::vector<T>& in = all[static_cast<std::size_t>(layer.inputs[0])];
      const Shape& from = network_.value_shape(layer.inputs[0]);
      const Shape& to = network_.value_shape(value);
      all.push_back(std::visit(
          Overloaded{[&](const Linear& op) { return linear(op, in); },
                     [&](const Conv2d& op) { return convolution(op, in, from, to); },
                     [&](const BatchNorm& op) { return batch_norm(op, in); }, [&](const Relu&) { return relu(in); },
                     [&](const Add&) { return sum(in, all[static_cast<std::size_t>(layer.inputs[1])]); },
                     [&](const Flatten&) { return in; }, [&](const AvgPool& op) { return average(op, in, from, to); },
                     [&](const Affine& op) { return affine(op, in); }, [&](const Reshape&) { return in; },
                     [&](const Transpose& op) { return transposed(op, in, from, to); },
                     [&](const Pad& op) { return padded(op, in, from, to); }},
          layer.op));
    }
    return all;
  }

  std::vector<T> output(std::vector<T> input) const { return values(std::move(input)).back(); }

 private:
  using Values = std::vector<T>;
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
  static T number(const Tensor& t, std::int64_t i) { return T(double{t.as<float>()[at(i)]}); }

  static Values linear(const Linear& op, const Values& in) {
    Values out;
    for (std::int64_t k = 0; k < op.weight.dim(0); ++k) {
      T y = number(op.bias, k);
      for (std::int64_t j = 0; j < op.weight.dim(1); ++j) y += number(op.weight, k * op.weight.dim(1) + j) * in[at(j)];
      out.push_back(y);
    }
    return out;
  }

  static T pixel(const Values& in, const Shape& shape, std::int64_t c, std::int64_t y, std::int64_t x) {
    if (y < 0 || x < 0 || y >= shape[1] || x >= shape[2]) return T(0);
    return in[at((c * shape[1] + y) * shape[2] + x)];
  }

  static Values convolution(const Conv2d& op, const Values& in, const Shape& from, const Shape& to) {
    Values out;
    const std::int64_t depth = op.weight.dim(1);
    for (std::int64_t o = 0; o < to[0] * to[1] * to[2]; ++o) {
      const std::int64_t co = o / (to[1] * to[2]);
      const std::int64_t y = o / to[2] % to[1];
      const std::int64_t x = o % to[2];
      T sum = number(op.bias, co);
      for (std::int64_t w = 0; w < depth * op.weight.dim(2) * op.weight.dim(3); ++w) {
        const std::int64_t ky = w / op.weight.dim(3) % op.weight.dim(2);
        const std::int64_t kx = w % op.weight.dim(3);
        const std::int64_t ci = co / (to[0] / op.groups) * depth + w / (op.weight.dim(2) * op.weight.dim(3));
        sum += number(op.weight, co * depth * op.weight.dim(2) * op.weight.dim(3) + w) *
               pixel(in, from, ci, y * op.stride[0] - op.padding[0] + ky * op.dilation[0],
                     x * op.stride[1] - op.padding[1] + kx * op.dilation[1]);
      }
      out.push_back(sum);
    }
    return out;
  }

  static Values average(const AvgPool& op, const Values& in, const Shape& from, const Shape& to) {
    Values out;
    for (std::int64_t o = 0; o < to[0] * to[1] * to[2]; ++o) {
      T sum = T(0);
      for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
        for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
          sum += pixel(in, from, o / (to[1] * to[2]), o / to[2] % to[1] * op.stride[0] - op.padding[0] + ky,
                       o % to[2] * op.stride[1] - op.padding[1] + kx);
        }
      }
      out.push_back(sum / T(static_cast<double>(op.kernel[0] * op.kernel[1])));
    }
    return out;
  }

  static Values batch_norm(const BatchNorm& op, const Values& in) {
    using std::sqrt;
    Values out;
    const auto area = static_cast<std::int64_t>(in.size()) / op.gamma.size();
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(in.size()); ++i) {
      const std::int64_t c = i / area;
      const T spread = number(op.variance, c) + T(op.epsilon);
      out.push_back(number(op.gamma, c) * (in[at(i)] - number(op.mean, c)) / sqrt(spread) + number(op.beta, c));
    }
    return out;
  }

  static Values affine(const Affine& op, Values in) {
    for (std::int64_t i = 0; i < op.scale.size(); ++i) {
      const T divisor = op.divisor.empty() ? T(1) : number(op.divisor, i);
      in[at(i)] = number(op.scale, i) * in[at(i)] / divisor + number(op.shift, i);
    }
    return in;
  }

  /// Every output element by its coordinates, which are those of the input in another order.
  static Values transposed(const Transpose& op, const Values& in, const Shape& from, const Shape& to) {
    Values out;
    for (std::int64_t o = 0; o < element_count(to); ++o) {
      Shape coordinates(from.size());
      std::int64_t rest = o;
      for (std::size_t axis = to.size(); axis-- > 0;) {
        coordinates[at(op.order[axis])] = rest % to[axis];
        rest /= to[axis];
      }
      std::int64_t i = 0;
      for (std::size_t axis = 0; axis < from.size(); ++axis) i = i * from[axis] + coordinates[axis];
      out.push_back(in[at(i)]);
    }
    return out;
  }

  static Values padded(const Pad& op, const Values& in, const Shape& from, const Shape& to) {
    Values out;
    for (std::int64_t o = 0; o < element_count(to); ++o) {
      out.push_back(pixel(in, from, o / (to[1] * to[2]), o / to[2] % to[1] - op.before[0], o % to[2] - op.before[1]));
    }
    return out;
  }

  static Values relu(Values in) {
    for (T& v : in) v = v > 0 ? v : T(0);
    return in;
  }

  static Values sum(Values a, const Values& b) {
    for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
    return a;
  }

  const Network& network_;
};

}  // namespace espalier::testing
