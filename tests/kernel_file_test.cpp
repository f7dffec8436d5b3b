// SPDX-License-Identifier: Apache-2.0
#include "core/kernel_file.hpp"

#include <string>

#include <doctest/doctest.h>
#include <unistd.h>

namespace espalier::core {
namespace {

TEST_CASE("a file of the kernel is what could be read of it") {
  CHECK(read_kernel_file("/proc/self/stat").starts_with(std::to_string(::getpid()) + " ("));
  CHECK(read_kernel_file("/proc/0/stat").empty());    // no such process
  CHECK(read_kernel_file("/proc/self/mem").empty());  // opens; a read at 0 fails, as of a process that ended
}

}  // namespace
}  // namespace espalier::core
