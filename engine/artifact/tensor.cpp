// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <espalier/error.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {
namespace {

/// Calls `f.template operator()<T>()` with the C++ type of `dtype`.
template <class F>
decltype(auto) with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::u8:
      return f.template operator()<std::uint8_t>();
    case DType::i32:
      return f.template operator()<std::int32_t>();
    case DType::i64:
      return f.template operator()<std::int64_t>();
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
  }
  throw Error(Code::internal, fmt::format("there is no element type {}", static_cast<int>(dtype)));
}

template <class To>
std::vector<To> converted(const Tensor& tensor) {
  return with_type(tensor.dtype(), [&]<class From>() {
    std::vector<To> out(static_cast<std::size_t>(tensor.size()));
    std::ranges::transform(tensor.as<From>(), out.begin(), [](From v) { return static_cast<To>(v); });
    return out;
  });
}

/// Not zeroed: the caller fills all of it.
std::shared_ptr<std::byte[]> buffer(std::size_t bytes) {
  return std::make_shared_for_overwrite<std::byte[]>(std::max<std::size_t>(bytes, 1));
}

std::size_t row_bytes(const Tensor& tensor) {
  const std::int64_t rows = tensor.dim(0);
  return rows == 0 ? 0 : static_cast<std::size_t>(tensor.size() / rows) * size_of(tensor.dtype());
}

void require_rows(const Tensor& tensor) {
  if (tensor.rank() == 0) throw Error(Code::internal, "a tensor without axes has no rows");
}

}  // namespace

std::string_view to_text(DType dtype) {
  constexpr std::string_view kNames[] = {"u8", "i32", "i64", "f32", "f64"};
  return kNames[static_cast<std::size_t>(dtype)];
}

std::size_t size_of(DType dtype) {
  return with_type(dtype, []<class T>() { return sizeof(T); });
}

std::string to_text(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::int64_t element_count(const Shape& shape) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 8;  // their bytes can be counted, too
  const bool negative = std::ranges::any_of(shape, [](std::int64_t d) { return d < 0; });
  if (negative) throw Error(Code::internal, fmt::format("shape {} has a negative axis", to_text(shape)));
  if (std::ranges::find(shape, 0) != shape.end()) return 0;
  std::int64_t count = 1;
  for (const std::int64_t d : shape) {
    if (count > kMost / d) throw Error(Code::internal, fmt::format("shape {} has too many elements", to_text(shape)));
    count *= d;
  }
  return count;
}

Tensor::Tensor() = default;

Tensor::Tensor(DType dtype, Shape shape, std::shared_ptr<const void> data)
    : dtype_(dtype), shape_(std::move(shape)), size_(element_count(shape_)), data_(std::move(data)) {}

Tensor Tensor::zeros(DType dtype, Shape shape) {
  const auto bytes = static_cast<std::size_t>(element_count(shape)) * size_of(dtype);
  return Tensor(dtype, std::move(shape), std::make_shared<std::byte[]>(std::max<std::size_t>(bytes, 1)));
}

std::span<const std::byte> Tensor::bytes() const {
  return {static_cast<const std::byte*>(data_.get()), static_cast<std::size_t>(size_) * size_of(dtype_)};
}

std::vector<double> Tensor::to_doubles() const {
  return converted<double>(*this);
}

std::vector<float> Tensor::to_floats() const {
  return converted<float>(*this);
}

Tensor Tensor::reshaped(Shape shape) const {
  require_count(shape, static_cast<std::size_t>(size_));
  return Tensor(dtype_, std::move(shape), data_);
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  require_rows(*this);
  if (begin < 0 || end < begin || end > dim(0)) {
    throw Error(Code::internal, fmt::format("rows {} to {} of a tensor of shape {}", begin, end, to_text(shape_)));
  }
  Shape shape = shape_;
  shape[0] = end - begin;
  const auto* first = static_cast<const std::byte*>(data_.get());
  if (first != nullptr) first += static_cast<std::size_t>(begin) * row_bytes(*this);
  return Tensor(dtype_, std::move(shape), std::shared_ptr<const void>(data_, first));
}

Tensor Tensor::gather(std::span<const std::int64_t> index) const {
  require_rows(*this);
  const std::size_t stride = row_bytes(*this);
  auto out = buffer(index.size() * stride);
  for (std::size_t i = 0; i < index.size(); ++i) {
    if (index[i] < 0 || index[i] >= dim(0)) {
      throw Error(Code::internal, fmt::format("row {} of a tensor of shape {}", index[i], to_text(shape_)));
    }
    if (stride == 0) continue;  // rows without elements
    std::memcpy(out.get() + i * stride, bytes().data() + static_cast<std::size_t>(index[i]) * stride, stride);
  }
  Shape shape = shape_;
  shape[0] = static_cast<std::int64_t>(index.size());
  return Tensor(dtype_, std::move(shape), std::move(out));
}

bool operator==(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}

void Tensor::require_count(const Shape& shape, std::size_t count) {
  const std::int64_t wanted = element_count(shape);
  if (static_cast<std::size_t>(wanted) == count) return;
  throw Error(Code::internal,
              fmt::format("{} values do not fit shape {}, which holds {}", count, to_text(shape), wanted));
}

void Tensor::require_dtype(DType wanted) const {
  if (dtype_ == wanted) return;
  throw Error(Code::internal,
              fmt::format("a tensor of {} {} was read as {}", to_text(dtype_), to_text(shape_), to_text(wanted)));
}

}  // namespace espalier::inline v1
