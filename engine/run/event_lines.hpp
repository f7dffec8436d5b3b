// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "run/observer.hpp"

namespace espalier::run {

/// A run as JSON objects, one a line: {"event": "node_finished", "at": seconds since the start, "node": ..., ...}.
class ESPALIER_API EventLines : public Observer {
 public:
  void started(const RunStart& start) override;
  void node_started(int node) override;
  void node_progress(int node, double done, double total) override;
  void node_logged(int node, std::string_view line) override;
  void node_finished(int node, const Outcome& outcome) override;
  void warned(std::string_view text) override;
  void stopping() override;
  void finished(const RunReport& report) override;

 protected:
  /// One line with its end.
  virtual void write(const std::string& line) = 0;

 private:
  const pipeline::Plan* plan_ = nullptr;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace espalier::run
