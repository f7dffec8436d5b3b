// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exchange/proto.hpp"

namespace espalier::testing {

/// What a file says, node by node, on whole tensors in double, by the operators' definitions: it shares the parser with
/// the reader, and nothing else. https://onnx.ai/onnx/operators
class OnnxEvaluator {
 public:
  using Dims = std::vector<std::int64_t>;
  struct Array {
    Dims shape;
    std::vector<double> values;
  };

  explicit OnnxEvaluator(std::string_view bytes) : model_(exchange::parse_model(bytes)) {
    for (const auto& t : model_.graph->initializers) arrays_[t.name] = array_of(t);
  }

  std::vector<double> output(const std::vector<double>& input) {
    for (const auto& value : model_.graph->inputs) {
      if (arrays_.contains(value.name)) continue;
      Dims shape;
      for (const auto& axis : *value.shape) shape.push_back(axis.value_or(1));
      arrays_[value.name] = {shape, input};
    }
    for (const auto& node : model_.graph->nodes) arrays_[node.outputs[0]] = result_of(node);
    return arrays_.at(model_.graph->outputs[0].name).values;
  }

 private:
  using Node = exchange::NodeProto;
  static std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }
  static std::int64_t count(const Dims& shape) {
    std::int64_t n = 1;
    for (const std::int64_t d : shape) n *= d;
    return n;
  }

  template <class T>
  static std::vector<double> numbers(std::string_view raw, const std::vector<T>& typed) {
    std::vector<T> all = typed;
    if (!raw.empty()) {
      all.resize(raw.size() / sizeof(T));
      std::memcpy(all.data(), raw.data(), raw.size());
    }
    return {all.begin(), all.end()};
  }
  static Array array_of(const exchange::TensorProto& t) {
    const std::string_view raw = t.raw.value_or("");
    if (t.data_type == 1) return {t.dims, numbers(raw, t.floats)};
    if (t.data_type == 11) return {t.dims, numbers(raw, t.doubles)};
    return {t.dims, numbers(raw, t.integers)};
  }

  static const exchange::AttributeProto* find(const Node& node, const char* name) {
    for (const auto& a : node.attributes) {
      if (a.name == name) return &a;
    }
    return nullptr;
  }
  static std::int64_t number(const Node& node, const char* name, std::int64_t fallback) {
    const auto* a = find(node, name);
    return a == nullptr ? fallback : a->integer.value_or(0);
  }
  static double real(const Node& node, const char* name, double fallback) {
    const auto* a = find(node, name);
    return a == nullptr ? fallback : double{a->real.value_or(0)};
  }
  static Dims list(const Node& node, const char* name, Dims fallback) {
    const auto* a = find(node, name);
    return a == nullptr ? std::move(fallback) : a->integers;
  }

  const Array& in(const Node& node, std::size_t i) const { return arrays_.at(node.inputs.at(i)); }
  static bool has(const Node& node, std::size_t i) { return i < node.inputs.size() && !node.inputs[i].empty(); }

  /// The element of a broadcast array at an index of the whole shape.
  static double element(const Array& a, const Dims& shape, std::int64_t index) {
    std::int64_t place = 0;
    std::int64_t stride = 1;
    for (std::size_t back = 1; back <= a.shape.size(); ++back) {
      const std::int64_t own = a.shape[a.shape.size() - back];
      const std::int64_t coordinate = index % shape[shape.size() - back];
      index /= shape[shape.size() - back];
      place += (own == 1 ? 0 : coordinate) * stride;
      stride *= own;
    }
    return a.values.at(at(place));
  }
  static Array elementwise(const Array& a, const Array& b, const std::function<double(double, double)>& f) {
    Dims shape(std::max(a.shape.size(), b.shape.size()), 1);
    for (const Array* side : {&a, &b}) {
      for (std::size_t back = 1; back <= side->shape.size(); ++back) {
        auto& axis = shape[shape.size() - back];
        axis = std::max(axis, side->shape[side->shape.size() - back]);
      }
    }
    Array out{shape, {}};
    for (std::int64_t i = 0; i < count(shape); ++i) out.values.push_back(f(element(a, shape, i), element(b, shape, i)));
    return out;
  }

  /// Rows of a times columns of b; leading axes of extent 1 only.
  static Array product(Array a, Array b) {
    const bool is_row = a.shape.size() == 1;
    const bool is_column = b.shape.size() == 1;
    if (is_row) a.shape.insert(a.shape.begin(), 1);
    if (is_column) b.shape.push_back(1);
    const std::int64_t m = a.shape[a.shape.size() - 2];
    const std::int64_t k = a.shape.back();
    const std::int64_t n = b.shape.back();
    Array out{a.shape.size() >= b.shape.size() ? a.shape : b.shape, std::vector<double>(at(m * n))};
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t l = 0; l < k; ++l) {
        for (std::int64_t j = 0; j < n; ++j) {
          out.values[at(i * n + j)] += a.values.at(at(i * k + l)) * b.values.at(at(l * n + j));
        }
      }
    }
    out.shape[out.shape.size() - 2] = m;
    out.shape.back() = n;
    if (is_row) out.shape.erase(out.shape.end() - 2);
    if (is_column) out.shape.pop_back();
    return out;
  }
  static Array transposed(const Array& a, const Dims& order) {
    Array out{{}, {}};
    for (const std::int64_t axis : order) out.shape.push_back(a.shape[at(axis)]);
    for (std::int64_t i = 0; i < count(a.shape); ++i) {
      Dims coordinates(order.size());
      std::int64_t rest = i;
      for (std::size_t axis = order.size(); axis-- > 0; rest /= out.shape[axis]) {
        coordinates[at(order[axis])] = rest % out.shape[axis];
      }
      std::int64_t place = 0;
      for (std::size_t axis = 0; axis < order.size(); ++axis) place = place * a.shape[axis] + coordinates[axis];
      out.values.push_back(a.values[at(place)]);
    }
    return out;
  }
  static Array scaled(Array a, double factor) {
    for (double& v : a.values) v *= factor;
    return a;
  }

  Array gemm(const Node& node) const {
    const auto side = [&](std::size_t i, const char* flag) {
      return number(node, flag, 0) != 0 ? transposed(in(node, i), {1, 0}) : in(node, i);
    };
    Array out = scaled(product(side(0, "transA"), side(1, "transB")), real(node, "alpha", 1));
    if (!has(node, 2)) return out;
    return elementwise(out, scaled(in(node, 2), real(node, "beta", 1)), std::plus<>());
  }

  /// Calls use(out index, channel of the window, tap, value) for every element of every window, zeros included.
  struct Window {
    Dims kernel, stride, dilation, pads;
    Dims out(const Dims& shape) const {
      Dims result;
      for (std::size_t a = 0; a < 2; ++a) {
        const std::int64_t room = shape[a + 2] + pads[a] + pads[a + 2] - dilation[a] * (kernel[a] - 1) - 1;
        result.push_back(room / stride[a] + 1);
      }
      return result;
    }
    double tap(const Array& x, std::int64_t channel, std::int64_t oy, std::int64_t ox, std::int64_t tap_index) const {
      const std::int64_t y = oy * stride[0] - pads[0] + tap_index / kernel[1] * dilation[0];
      const std::int64_t left = ox * stride[1] - pads[1] + tap_index % kernel[1] * dilation[1];
      if (y < 0 || left < 0 || y >= x.shape[2] || left >= x.shape[3]) return 0;
      return x.values[at((channel * x.shape[2] + y) * x.shape[3] + left)];
    }
  };
  static Window window(const Node& node, Dims kernel) {
    if (const auto* a = find(node, "auto_pad"); a != nullptr && *a->text != "NOTSET" && *a->text != "VALID") {
      throw std::runtime_error("auto_pad");
    }
    return {list(node, "kernel_shape", std::move(kernel)), list(node, "strides", {1, 1}),
            list(node, "dilations", {1, 1}), list(node, "pads", {0, 0, 0, 0})};
  }
  Array conv(const Node& node) const {
    const Array& x = in(node, 0);
    const Array& w = in(node, 1);
    const Window slide = window(node, {w.shape[2], w.shape[3]});
    const Dims size = slide.out(x.shape);
    const std::int64_t taps = w.shape[2] * w.shape[3];
    const std::int64_t outputs_per_group = w.shape[0] / number(node, "group", 1);
    Array out{{1, w.shape[0], size[0], size[1]}, {}};
    for (std::int64_t o = 0; o < count(out.shape); ++o) {
      const std::int64_t channel = o / (size[0] * size[1]);
      double sum = has(node, 2) ? in(node, 2).values[at(channel)] : 0;
      for (std::int64_t i = 0; i < w.shape[1] * taps; ++i) {
        const std::int64_t from = channel / outputs_per_group * w.shape[1] + i / taps;
        sum += w.values[at(channel * w.shape[1] * taps + i)] *
               slide.tap(x, from, o / size[1] % size[0], o % size[1], i % taps);
      }
      out.values.push_back(sum);
    }
    return out;
  }
  Array average(const Node& node) const {
    const Array& x = in(node, 0);
    const Window slide = window(node, {});
    const Dims size = slide.out(x.shape);
    const std::int64_t taps = slide.kernel[0] * slide.kernel[1];
    Array out{{1, x.shape[1], size[0], size[1]}, {}};
    for (std::int64_t o = 0; o < count(out.shape); ++o) {
      double sum = 0;
      for (std::int64_t t = 0; t < taps; ++t) {
        sum += slide.tap(x, o / (size[0] * size[1]), o / size[1] % size[0], o % size[1], t);
      }
      out.values.push_back(sum / static_cast<double>(taps));  // padding counts; tests have none where it would not
    }
    return out;
  }
  Array padded(const Node& node) const {
    const Array& x = in(node, 0);
    Dims pads = list(node, "pads", {});
    if (has(node, 1)) {
      for (const double p : in(node, 1).values) pads.push_back(static_cast<std::int64_t>(p));
    }
    Array out{x.shape, {}};
    for (std::size_t a = 0; a < x.shape.size(); ++a) out.shape[a] += pads[a] + pads[a + x.shape.size()];
    for (std::int64_t i = 0; i < count(out.shape); ++i) {
      std::int64_t rest = i, place = 0, stride = 1;
      bool inside = true;
      for (std::size_t a = x.shape.size(); a-- > 0; rest /= out.shape[a], stride *= x.shape[a]) {
        const std::int64_t coordinate = rest % out.shape[a] - pads[a];
        inside = inside && coordinate >= 0 && coordinate < x.shape[a];
        place += coordinate * stride;
      }
      out.values.push_back(inside ? x.values[at(place)] : 0);
    }
    return out;
  }
  Array normalised(const Node& node) const {
    Array out = in(node, 0);
    const std::int64_t area = count(out.shape) / out.shape[1];
    const double epsilon = real(node, "epsilon", double{1e-5F});
    for (std::int64_t i = 0; i < count(out.shape); ++i) {
      const auto p = [&](std::size_t input) { return in(node, input).values[at(i / area)]; };
      double& v = out.values[at(i)];
      v = p(1) * (v - p(3)) / std::sqrt(p(4) + epsilon) + p(2);
    }
    return out;
  }
  Array reshaped(const Node& node) const {
    Array out = in(node, 0);
    Dims shape;
    for (const double d : in(node, 1).values) shape.push_back(static_cast<std::int64_t>(d));
    std::int64_t known = 1;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == 0) shape[i] = out.shape[i];
      if (shape[i] > 0) known *= shape[i];
    }
    for (std::int64_t& d : shape) d = d < 0 ? count(out.shape) / known : d;
    out.shape = shape;
    return out;
  }
  Array flat(const Node& node) const {
    Array out = in(node, 0);
    std::int64_t axis = number(node, "axis", 1);
    if (axis < 0) axis += static_cast<std::int64_t>(out.shape.size());
    const std::int64_t rows = count({out.shape.begin(), out.shape.begin() + axis});
    out.shape = {rows, count(out.shape) / rows};
    return out;
  }

  Array result_of(const Node& node) const {
    const auto backwards = [](std::size_t rank) {
      Dims order;
      for (std::size_t a = rank; a-- > 0;) order.push_back(static_cast<std::int64_t>(a));
      return order;
    };
    if (node.op == "Add") return elementwise(in(node, 0), in(node, 1), std::plus<>());
    if (node.op == "Sub") return elementwise(in(node, 0), in(node, 1), std::minus<>());
    if (node.op == "Mul") return elementwise(in(node, 0), in(node, 1), std::multiplies<>());
    if (node.op == "Div") return elementwise(in(node, 0), in(node, 1), std::divides<>());
    if (node.op == "Relu") return elementwise(in(node, 0), {{}, {0}}, [](double a, double) { return a > 0 ? a : 0; });
    if (node.op == "Identity" || node.op == "Dropout") return in(node, 0);
    if (node.op == "Constant") return array_of(*find(node, "value")->tensor);
    if (node.op == "MatMul") return product(in(node, 0), in(node, 1));
    if (node.op == "Gemm") return gemm(node);
    if (node.op == "Conv") return conv(node);
    if (node.op == "AveragePool") return average(node);
    if (node.op == "Pad") return padded(node);
    if (node.op == "BatchNormalization") return normalised(node);
    if (node.op == "Reshape") return reshaped(node);
    if (node.op == "Flatten") return flat(node);
    if (node.op == "Transpose") {
      return transposed(in(node, 0), list(node, "perm", backwards(in(node, 0).shape.size())));
    }
    throw std::runtime_error("no definition of " + node.op);
  }

  exchange::ModelProto model_;
  std::map<std::string, Array> arrays_;
};

}  // namespace espalier::testing
