// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ostream>

#include "run/event_lines.hpp"

namespace espalier::run {

/// `--progress json`: every event as it happens, for programs that show a run.
class ESPALIER_API ProgressJson final : public EventLines {
 public:
  explicit ProgressJson(std::ostream& out) : out_(out) {}

 private:
  void write(const std::string& line) override;

  std::ostream& out_;
};

}  // namespace espalier::run
