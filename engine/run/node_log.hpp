// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <mutex>
#include <string_view>

#include "run/run_setup.hpp"

namespace espalier::run {

/// The log of one node: a file that exists as soon as there is a line, written through line by line so that it survives
/// a killed process. Not on Disk, because nothing reads it back and a full disk must not fail a node. [any thread]
class NodeLog {
 public:
  NodeLog(const RunSetup& setup, int node);

  /// Kept and shown.
  void line(std::string_view text);
  /// Kept only.
  void note(std::string_view text);

 private:
  void write(std::string_view text);

  core::Path file_;  // empty: none is kept
  int node_;
  Observer& observer_;
  std::mutex mutex_;
  std::ofstream stream_;
  bool warned_ = false;
};

}  // namespace espalier::run
