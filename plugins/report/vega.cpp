// SPDX-License-Identifier: Apache-2.0
#include "vega.hpp"

// Half a megabyte of text: an array of its bytes would take the compiler long, the assembler takes the file as it is.
asm(".pushsection .rodata\n"
    "espalier_vega_begin: .incbin \"" ESPALIER_VEGA_SCRIPT
    "\"\n"
    "espalier_vega_end: .byte 0\n"
    ".globl espalier_vega_begin, espalier_vega_end\n"
    ".hidden espalier_vega_begin, espalier_vega_end\n"
    ".popsection\n");

extern "C" {
__attribute__((visibility("hidden"))) extern const char espalier_vega_begin[];
__attribute__((visibility("hidden"))) extern const char espalier_vega_end[];
}

namespace espalier::report {

std::string_view vega_script() {
  return {espalier_vega_begin, espalier_vega_end};
}

}  // namespace espalier::report
