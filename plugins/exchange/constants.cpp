// SPDX-License-Identifier: Apache-2.0
#include "constants.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

namespace espalier::exchange {
namespace {

/// Whether dimensions promise just as many elements as there are.
bool holds(const std::vector<std::int64_t>& dims, std::size_t have) {
  std::size_t count = 1;
  for (const std::int64_t d : dims) {
    if (d < 0) return false;
    if (d == 0) return have == 0;
    if (static_cast<std::size_t>(d) > have / count) return false;  // beyond what is there: no overflow
    count *= static_cast<std::size_t>(d);
  }
  return count == have;
}

template <class T>
std::vector<T> elements(const TensorProto& proto, const std::vector<T>& typed) {
  if (!proto.raw) return typed;
  if (!typed.empty()) {
    throw Error(Code::damaged, fmt::format("tensor '{}' has raw data and typed data beside it", proto.name));
  }
  if (proto.raw->size() % sizeof(T) != 0) {
    throw Error(Code::damaged, fmt::format("tensor '{}' has {} bytes, which are no numbers of {} bytes", proto.name,
                                           proto.raw->size(), sizeof(T)));
  }
  std::vector<T> out(proto.raw->size() / sizeof(T));
  if (!out.empty()) std::memcpy(out.data(), proto.raw->data(), proto.raw->size());
  return out;
}

template <class T>
Tensor shaped(const TensorProto& proto, std::vector<T> values) {
  if (!holds(proto.dims, values.size())) {
    throw Error(Code::damaged,
                fmt::format("tensor '{}' of shape {} has {} elements", proto.name, to_text(proto.dims), values.size()),
                "fetch or export the file again");
  }
  return Tensor::of(proto.dims, std::move(values));
}

std::vector<float> as_floats(const TensorProto& proto, const std::vector<double>& values) {
  std::vector<float> out;
  out.reserve(values.size());
  for (const double v : values) {
    out.push_back(static_cast<float>(v));
    if (double{out.back()} == v || std::isnan(v)) continue;  // a NaN is refused with its layer
    throw Error(Code::unsupported, fmt::format("tensor '{}' holds the double {}, which is not a float", proto.name, v),
                "weights are kept as floats, and rounding them would change the network; export it in float");
  }
  return out;
}

template <class T>
Tensor gathered(const Tensor& t, const Shape& shape, const std::vector<std::int64_t>& from) {
  const auto values = t.as<T>();
  std::vector<T> out;
  out.reserve(from.size());
  for (const std::int64_t i : from) out.push_back(values[static_cast<std::size_t>(i)]);
  return Tensor::of(shape, std::move(out));
}

Tensor at_places(const Tensor& t, const Shape& shape, const std::vector<std::int64_t>& from) {
  return t.dtype() == DType::f32 ? gathered<float>(t, shape, from) : gathered<std::int64_t>(t, shape, from);
}

/// a + b when it is a float.
std::optional<float> exact_sum(float a, float b) {
  const float sum = a + b;
  const float of_b = sum - a;  // Knuth's two-sum: the rounding error of a float sum is a float
  const float error = (a - (sum - of_b)) + (b - of_b);
  return error == 0 ? std::optional(sum) : std::nullopt;
}

std::optional<float> exact_product(float a, float b) {
  const double product = double{a} * double{b};  // 48 bits: exact
  const auto rounded = static_cast<float>(product);
  return double{rounded} == product ? std::optional(rounded) : std::nullopt;
}

std::optional<float> exact_quotient(float a, float b) {
  const auto rounded = static_cast<float>(double{a} / double{b});
  return double{rounded} * double{b} == double{a} ? std::optional(rounded) : std::nullopt;
}

std::optional<float> exactly(Arithmetic how, float a, float b) {
  if (how == Arithmetic::add) return exact_sum(a, b);
  if (how == Arithmetic::subtract) return exact_sum(a, -b);
  return how == Arithmetic::multiply ? exact_product(a, b) : exact_quotient(a, b);
}

}  // namespace

Tensor constant_from(const TensorProto& proto) {
  if (proto.external) {
    throw Error(Code::unsupported, fmt::format("tensor '{}' lies in another file", proto.name),
                "save the model with its weights inside");
  }
  if (proto.data_type == element::kFloat) return shaped(proto, elements(proto, proto.floats));
  if (proto.data_type == element::kInt64) return shaped(proto, elements(proto, proto.integers));
  if (proto.data_type == element::kDouble) return shaped(proto, as_floats(proto, elements(proto, proto.doubles)));
  throw Error(Code::unsupported,
              fmt::format("tensor '{}' is of type {}; float, double and int64 are read", proto.name,
                          element_name(proto.data_type)),
              "export the model in float");
}

Tensor transposed(const Tensor& t, std::span<const std::int64_t> order) {
  Shape shape;
  for (const std::int64_t axis : order) shape.push_back(t.dim(static_cast<int>(axis)));
  return at_places(t, shape, sources(Transpose{{order.begin(), order.end()}}, t.shape()));
}

Tensor transposed(const Tensor& matrix) {
  constexpr std::size_t kBlock = 32;  // rows and columns that stay in the cache together
  const auto rows = static_cast<std::size_t>(matrix.dim(0));
  const auto columns = static_cast<std::size_t>(matrix.dim(1));
  const auto in = matrix.as<float>();
  std::vector<float> out(in.size());
  for (std::size_t top = 0; top < rows; top += kBlock) {
    for (std::size_t left = 0; left < columns; left += kBlock) {
      for (std::size_t j = left; j < std::min(columns, left + kBlock); ++j) {
        for (std::size_t i = top; i < std::min(rows, top + kBlock); ++i) out[j * rows + i] = in[i * columns + j];
      }
    }
  }
  return Tensor::of({matrix.dim(1), matrix.dim(0)}, std::move(out));
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {  // axes count from the end
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const std::int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      throw Error(Code::unsupported, fmt::format("shapes {} and {} do not fit together", to_text(a), to_text(b)));
    }
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

Tensor expanded(const Tensor& t, const Shape& shape) {
  if (t.shape() == shape) return t;
  std::vector<std::int64_t> from{0};
  std::int64_t stride = 1;  // of t, over the axes behind the one at hand
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t extent = shape[shape.size() - 1 - i];
    const bool own = static_cast<int>(i) < t.rank() && t.dim(t.rank() - 1 - static_cast<int>(i)) == extent;
    std::vector<std::int64_t> longer;
    longer.reserve(from.size() * static_cast<std::size_t>(extent));
    for (std::int64_t k = 0; k < extent; ++k) {
      for (const std::int64_t place : from) longer.push_back(place + (own ? k * stride : 0));
    }
    if (own) stride *= extent;
    from = std::move(longer);
  }
  return at_places(t, shape, from);
}

Tensor exactly(Arithmetic how, const Tensor& a, const Tensor& b) {
  const auto left = a.as<float>();
  const auto right = b.as<float>();
  std::vector<float> out;
  out.reserve(left.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    const std::optional<float> value = exactly(how, left[i], right[i]);
    if (!value) {
      throw Error(Code::unsupported,
                  fmt::format("its constants give no float: {} and {} at element {}", left[i], right[i], i),
                  "let the exporter fold constants");
    }
    out.push_back(*value);
  }
  return Tensor::of(a.shape(), std::move(out));
}

}  // namespace espalier::exchange
