// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "core/kernel_file.hpp"

namespace espalier::testing {

/// Whether a process does something: not gone and not merely waiting to be taken notice of.
inline bool runs(const std::string& process) {
  const std::string stat = core::read_kernel_file("/proc/" + process + "/stat");
  const auto name_end = stat.rfind(')');  // a program's name may hold anything
  return name_end != std::string::npos && stat.at(name_end + 2) != 'Z';
}

}  // namespace espalier::testing
