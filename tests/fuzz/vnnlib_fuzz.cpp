// SPDX-License-Identifier: Apache-2.0
// libFuzzer on the reader of VNN-LIB files: whatever the bytes, it is a property, which reads back from its own text,
// or an error that blames them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <espalier/error.hpp>

#include "exchange/vnnlib.hpp"

namespace {

bool same(const espalier::Property& a, const espalier::Property& b) {
  return a.inputs == b.inputs && a.outputs == b.outputs && a.boxes == b.boxes && a.cases == b.cases;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const espalier::Property property =
        espalier::exchange::parse_vnnlib({reinterpret_cast<const char*>(data), size}, "fuzz");
    const std::string text = espalier::exchange::vnnlib_text(property);
    if (!same(espalier::exchange::parse_vnnlib(text, "written"), property)) std::abort();
  } catch (const espalier::Error& e) {
    if (e.code() == espalier::Code::internal || e.code() == espalier::Code::request) std::abort();
    if (std::string_view(e.what()).starts_with("written")) std::abort();
  }
  return 0;
}
