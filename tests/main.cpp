// SPDX-License-Identifier: Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include "core/machine.hpp"

int main(int argc, char** argv) {
  espalier::core::configure_numeric_libraries();  // before a plugin brings in BLAS
  return doctest::Context(argc, argv).run();
}
