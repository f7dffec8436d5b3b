// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include <espalier/tensor.hpp>

#include "proto.hpp"

/// What a file fixes: weights, shapes, and what can be worked out from them without rounding.
namespace espalier::exchange {

/// f32 or i64; doubles become f32 when every one of them is a float. Throws Error that names the tensor.
Tensor constant_from(const TensorProto& proto);

/// Elements at new places.
Tensor transposed(const Tensor& t, std::span<const std::int64_t> order);
/// A matrix [m, n] as [n, m].
Tensor transposed(const Tensor& matrix);

/// NumPy's rule for the shape of an element-wise result; throws Error(unsupported) when there is none.
Shape broadcast(const Shape& a, const Shape& b);
/// A constant repeated to a shape that `broadcast` gave.
Tensor expanded(const Tensor& t, const Shape& shape);

enum class Arithmetic { add, subtract, multiply, divide };
/// Of floats of one shape. Throws Error(unsupported) when a result is not a float: rounding it would change the
/// network.
Tensor exactly(Arithmetic how, const Tensor& a, const Tensor& b);

}  // namespace espalier::exchange
