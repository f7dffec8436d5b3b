// SPDX-License-Identifier: Apache-2.0
#include "core/kernel_file.hpp"

#include <fstream>
#include <sstream>

namespace espalier::core {

std::string read_kernel_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();  // a failure within ends it; iterators over the buffer would throw ESRCH
  return text.str();
}

}  // namespace espalier::core
