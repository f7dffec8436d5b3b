// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

namespace espalier::crown::device {

/// A copy of numbers that ATen knows.
template <class T>
at::Tensor tensor_of(const std::vector<T>& numbers, at::IntArrayRef shape, const at::Device& device) {
  const auto type = c10::CppTypeToScalarType<T>::value;
  // from_blob wants memory that may be written; the clone is what is written.
  auto* first = const_cast<T*>(numbers.data());
  const at::Tensor here = numbers.empty() ? at::empty(shape, type) : at::from_blob(first, shape, type).clone();
  return here.to(device);
}

template <class T>
at::Tensor tensor_of(const std::vector<T>& numbers, const at::Device& device) {
  return tensor_of(numbers, {static_cast<std::int64_t>(numbers.size())}, device);
}

template <class T>
std::vector<T> numbers_of(const at::Tensor& tensor) {
  const at::Tensor here = tensor.to(at::kCPU).contiguous();
  const T* first = here.data_ptr<T>();
  return {first, first + here.numel()};
}

}  // namespace espalier::crown::device
