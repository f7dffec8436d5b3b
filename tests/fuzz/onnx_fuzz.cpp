// SPDX-License-Identifier: Apache-2.0
// libFuzzer on the reader of ONNX files: whatever the bytes, it is a network or an error that blames them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <espalier/error.hpp>

#include "exchange/onnx.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    espalier::exchange::parse_onnx({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const espalier::Error& e) {
    if (e.code() == espalier::Code::internal || e.code() == espalier::Code::request) std::abort();
  }
  return 0;
}
