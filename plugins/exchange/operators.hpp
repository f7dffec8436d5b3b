// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "call.hpp"

/// One function for an operator. https://onnx.ai/onnx/operators
namespace espalier::exchange {

// operators.cpp: what leaves numbers as they are
Value constant(Call& call);
Value identity(Call& call);
Value dropout(Call& call);
Value relu(Call& call);
Value flatten(Call& call);
Value reshape(Call& call);
Value transpose(Call& call);

// operators_affine.cpp
Value add(Call& call);
Value subtract(Call& call);
Value multiply(Call& call);
Value divide(Call& call);
Value gemm(Call& call);
Value matmul(Call& call);
Value batch_normalization(Call& call);

// operators_image.cpp
Value conv(Call& call);
Value average_pool(Call& call);
Value pad(Call& call);

}  // namespace espalier::exchange
