// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::inline v1 {

/// Element types. Stored in artifact files: append only, never renumber.
enum class DType : std::uint8_t { u8 = 0, i32 = 1, i64 = 2, f32 = 3, f64 = 4 };
ESPALIER_API std::string_view to_text(DType dtype);
ESPALIER_API std::size_t size_of(DType dtype);

template <class T>
inline constexpr bool kIsElement = false;
template <class T>
inline constexpr DType kDTypeOf = DType::u8;
template <>
inline constexpr bool kIsElement<std::uint8_t> = true;
template <>
inline constexpr DType kDTypeOf<std::uint8_t> = DType::u8;
template <>
inline constexpr bool kIsElement<std::int32_t> = true;
template <>
inline constexpr DType kDTypeOf<std::int32_t> = DType::i32;
template <>
inline constexpr bool kIsElement<std::int64_t> = true;
template <>
inline constexpr DType kDTypeOf<std::int64_t> = DType::i64;
template <>
inline constexpr bool kIsElement<float> = true;
template <>
inline constexpr DType kDTypeOf<float> = DType::f32;
template <>
inline constexpr bool kIsElement<double> = true;
template <>
inline constexpr DType kDTypeOf<double> = DType::f64;

using Shape = std::vector<std::int64_t>;
ESPALIER_API std::string to_text(const Shape& shape);  ///< "[64, 784]"
ESPALIER_API std::int64_t element_count(const Shape& shape);

/// A dense, contiguous, row-major array that never changes once made; copies share the buffer. [any thread]
class ESPALIER_API Tensor {
 public:
  /// Absent: no elements, shape {0}, f32. Used where a field is optional (a mask, say).
  Tensor();
  /// Needs: `data` holds element_count(shape) elements of `dtype` for as long as the pointer lives.
  Tensor(DType dtype, Shape shape, std::shared_ptr<const void> data);

  static Tensor zeros(DType dtype, Shape shape);
  /// Takes over the values. Throws Error when their number does not fit the shape.
  template <class T>
  static Tensor of(Shape shape, std::vector<T> values) {
    static_assert(kIsElement<T>);
    auto owner = std::make_shared<const std::vector<T>>(std::move(values));
    require_count(shape, owner->size());
    const void* data = owner->data();
    return Tensor(kDTypeOf<T>, std::move(shape), std::shared_ptr<const void>(std::move(owner), data));
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t dim(int axis) const { return shape_[static_cast<std::size_t>(axis)]; }
  int rank() const { return static_cast<int>(shape_.size()); }
  std::int64_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::span<const std::byte> bytes() const;

  /// The elements. Throws Error when T is not the tensor's dtype.
  template <class T>
  std::span<const T> as() const {
    static_assert(kIsElement<T>);
    require_dtype(kDTypeOf<T>);
    return {static_cast<const T*>(data_.get()), static_cast<std::size_t>(size_)};
  }
  /// A copy converted to another element type, value by value.
  std::vector<double> to_doubles() const;
  std::vector<float> to_floats() const;

  /// The same buffer under another shape with as many elements.
  Tensor reshaped(Shape shape) const;
  /// Entries [begin, end) of the first axis, sharing the buffer.
  Tensor rows(std::int64_t begin, std::int64_t end) const;
  /// Copies of the chosen entries of the first axis, in the order given.
  Tensor gather(std::span<const std::int64_t> index) const;

  /// Same dtype, shape and bytes.
  friend ESPALIER_API bool operator==(const Tensor& a, const Tensor& b);

 private:
  static void require_count(const Shape& shape, std::size_t count);
  void require_dtype(DType wanted) const;

  DType dtype_ = DType::f32;
  Shape shape_{0};
  std::int64_t size_ = 0;
  std::shared_ptr<const void> data_;
};

}  // namespace espalier::inline v1
