// SPDX-License-Identifier: Apache-2.0
#pragma once

/// ONNX files as networks and back. What is read: Add, AveragePool, BatchNormalization, Constant, Conv, Div, Dropout,
/// Flatten, Gemm, Identity, MatMul, Mul, Pad, Relu, Reshape, Sub and Transpose of the standard operators, weights in
/// float, or in double where every value is a float. Anything else is refused by its name: what a network computes over
/// the reals is what the file says, or there is no network.

#include <filesystem>
#include <string>
#include <string_view>

#include <espalier/network.hpp>

namespace espalier::exchange {

/// The network in a file, plain or gzipped (see read_file). A leading axis of extent 1, or without a number, is the
/// batch and not part of the network's shapes; other axes keep their order, so a flat input has the file's order.
Network read_onnx(const std::filesystem::path& file);
/// The same from bytes; `name` stands in messages.
Network parse_onnx(std::string_view bytes, const std::string& name);

/// A network as an ONNX file that others load: opset 13, one input, one output, weights in float.
std::string onnx_bytes(const Network& network);

}  // namespace espalier::exchange
