// SPDX-License-Identifier: Apache-2.0
// The reference semantics of a network: what the other analyses bound and what witnesses are replayed on. Every product
// and sum is in double, in one fixed order, so that a replay gives the same answer everywhere.
#include <cmath>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

namespace espalier::inline v1 {
namespace {

using Values = std::vector<double>;

/// A value as an image: [channels, height, width].
struct Image {
  const Values& values;
  std::int64_t height;
  std::int64_t width;

  Image(const Values& v, const Shape& shape) : values(v), height(shape[1]), width(shape[2]) {}
  /// 0 outside the image: the padding.
  double at(std::int64_t channel, std::int64_t y, std::int64_t x) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return 0;
    return values[static_cast<std::size_t>((channel * height + y) * width + x)];
  }
};

Values linear(const Linear& op, const Values& in) {
  const auto weight = op.weight.as<float>();
  Values out = op.bias.to_doubles();
  for (std::size_t o = 0; o < out.size(); ++o) {
    const float* row = weight.data() + o * in.size();
    double sum = 0;
    for (std::size_t i = 0; i < in.size(); ++i) sum += double{row[i]} * in[i];
    out[o] += sum;
  }
  return out;
}

/// The sum over one window of one output channel.
double window(const Conv2d& op, const Image& in, std::int64_t channel, std::int64_t y, std::int64_t x) {
  const Tensor& w = op.weight;
  const std::int64_t first = channel / (w.dim(0) / op.groups) * w.dim(1);  // the group's first input channel
  const float* k = w.as<float>().data() + channel * w.dim(1) * w.dim(2) * w.dim(3);
  double sum = 0;
  for (std::int64_t c = 0; c < w.dim(1); ++c) {
    for (std::int64_t i = 0; i < w.dim(2); ++i) {
      const std::int64_t row = y * op.stride[0] - op.padding[0] + i * op.dilation[0];
      for (std::int64_t j = 0; j < w.dim(3); ++j) {
        const std::int64_t col = x * op.stride[1] - op.padding[1] + j * op.dilation[1];
        sum += double{*k++} * in.at(first + c, row, col);
      }
    }
  }
  return sum;
}

Values conv(const Conv2d& op, const Image& in, const Shape& out_shape) {
  Values out;
  out.reserve(static_cast<std::size_t>(element_count(out_shape)));
  const auto bias = op.bias.as<float>();
  for (std::int64_t c = 0; c < out_shape[0]; ++c) {
    for (std::int64_t y = 0; y < out_shape[1]; ++y) {
      for (std::int64_t x = 0; x < out_shape[2]; ++x) {
        out.push_back(double{bias[static_cast<std::size_t>(c)]} + window(op, in, c, y, x));
      }
    }
  }
  return out;
}

Values batch_norm(const BatchNorm& op, Values values) {
  const auto gamma = op.gamma.as<float>();
  const auto beta = op.beta.as<float>();
  const auto mean = op.mean.as<float>();
  const auto variance = op.variance.as<float>();
  const std::size_t size = values.size() / gamma.size();  // elements of a channel
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = i / size;
    values[i] = gamma[c] * (values[i] - mean[c]) / std::sqrt(variance[c] + op.epsilon) + beta[c];
  }
  return values;
}

/// A NaN stays one: it must reach the output, where every check fails on it.
Values relu(Values values) {
  for (double& v : values) {
    if (v < 0) v = 0;
  }
  return values;
}

Values sum(Values a, const Values& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}

double mean_of_window(const AvgPool& op, const Image& in, std::int64_t channel, std::int64_t y, std::int64_t x) {
  double total = 0;
  for (std::int64_t i = 0; i < op.kernel[0]; ++i) {
    for (std::int64_t j = 0; j < op.kernel[1]; ++j) {
      total += in.at(channel, y * op.stride[0] - op.padding[0] + i, x * op.stride[1] - op.padding[1] + j);
    }
  }
  return total / static_cast<double>(op.kernel[0] * op.kernel[1]);
}

Values avg_pool(const AvgPool& op, const Image& in, const Shape& out_shape) {
  Values out;
  out.reserve(static_cast<std::size_t>(element_count(out_shape)));
  for (std::int64_t c = 0; c < out_shape[0]; ++c) {
    for (std::int64_t y = 0; y < out_shape[1]; ++y) {
      for (std::int64_t x = 0; x < out_shape[2]; ++x) out.push_back(mean_of_window(op, in, c, y, x));
    }
  }
  return out;
}

Values affine(const Affine& op, Values values) {
  const auto scale = op.scale.as<float>();
  const auto shift = op.shift.as<float>();
  const auto divisor = op.divisor.as<float>();  // empty: 1
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double scaled = double{scale[i]} * values[i];
    values[i] = (divisor.empty() ? scaled : scaled / double{divisor[i]}) + double{shift[i]};
  }
  return values;
}

Values moved(const std::vector<std::int64_t>& from, const Values& in) {
  Values out;
  out.reserve(from.size());
  for (const std::int64_t i : from) out.push_back(i < 0 ? 0.0 : in[static_cast<std::size_t>(i)]);
  return out;
}

}  // namespace

std::vector<std::int64_t> sources(const Transpose& op, const Shape& in) {
  const std::size_t rank = in.size();
  Shape strides(rank, 1);  // of the input's axes
  for (std::size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * in[i];
  std::vector<std::int64_t> out{0};
  for (const std::int64_t axis : op.order) {
    const auto a = static_cast<std::size_t>(axis);
    std::vector<std::int64_t> longer;
    longer.reserve(out.size() * static_cast<std::size_t>(in[a]));
    for (const std::int64_t base : out) {
      for (std::int64_t i = 0; i < in[a]; ++i) longer.push_back(base + i * strides[a]);
    }
    out = std::move(longer);
  }
  return out;
}

std::vector<std::int64_t> sources(const Pad& op, const Shape& in) {
  std::vector<std::int64_t> out;
  for (std::int64_t c = 0; c < in[0]; ++c) {
    for (std::int64_t y = -op.before[0]; y < in[1] + op.after[0]; ++y) {
      for (std::int64_t x = -op.before[1]; x < in[2] + op.after[1]; ++x) {
        const bool inside = y >= 0 && y < in[1] && x >= 0 && x < in[2];
        out.push_back(inside ? (c * in[1] + y) * in[2] + x : -1);
      }
    }
  }
  return out;
}

std::vector<double> Network::forward(std::span<const double> input) const {
  if (static_cast<std::int64_t>(input.size()) != element_count(input_shape_)) {
    throw Error(Code::internal,
                fmt::format("{} values for a network with inputs of shape {}", input.size(), to_text(input_shape_)));
  }
  std::vector<Values> values{Values(input.begin(), input.end())};
  for (const Layer& layer : layers_) {
    const Values& in = values[static_cast<std::size_t>(layer.inputs[0])];
    const Shape& in_shape = value_shape(layer.inputs[0]);
    const Shape& out_shape = value_shapes_[values.size()];
    values.push_back(std::visit(
        Overloaded{[&](const Linear& op) { return linear(op, in); },
                   [&](const Conv2d& op) {
                     return conv(op, {in, in_shape}, out_shape);
                   },
                   [&](const BatchNorm& op) { return batch_norm(op, in); }, [&](const Relu&) { return relu(in); },
                   [&](const Add&) { return sum(in, values[static_cast<std::size_t>(layer.inputs[1])]); },
                   [&](const Flatten&) { return in; },
                   [&](const AvgPool& op) {
                     return avg_pool(op, {in, in_shape}, out_shape);
                   },
                   [&](const Affine& op) { return affine(op, in); }, [&](const Reshape&) { return in; },
                   [&](const Transpose& op) { return moved(sources(op, in_shape), in); },
                   [&](const Pad& op) { return moved(sources(op, in_shape), in); }},
        layer.op));
  }
  return std::move(values.back());
}

}  // namespace espalier::inline v1
