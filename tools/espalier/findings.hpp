// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <fmt/format.h>

namespace espalier::cli {

/// What doctor says: a line a topic, and below it what to do when something is amiss.
class Findings {
 public:
  void say(const char* topic, const std::string& text) { fmt::print("{:<10} {}\n", topic, text); }
  void advise(const std::string& text) {
    fmt::print("{:<10} -> {}\n", "", text);
    ++advice_;
  }
  int advice() const { return advice_; }

 private:
  int advice_ = 0;
};

/// Program, processor, graphics cards and BLAS.
void examine_machine(Findings& findings);

}  // namespace espalier::cli
