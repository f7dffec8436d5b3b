// SPDX-License-Identifier: Apache-2.0
#include "run/progress_json.hpp"

namespace espalier::run {

void ProgressJson::write(const std::string& line) {
  out_ << line << std::flush;
}

}  // namespace espalier::run
