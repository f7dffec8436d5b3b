// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "core/disk.hpp"
#include "run/event_lines.hpp"

namespace espalier::run {

/// `runs/<id>/events.jsonl`: what happened to every node. That a node ran is written at once, so that it is known even
/// when this process is killed; the rest at most once a second and at the end. Progress and log lines are left out: the
/// first is of the moment, the second have files of their own.
class ESPALIER_API EventLog final : public EventLines {
 public:
  EventLog(core::Disk& disk, core::Path file);
  ~EventLog() override;

  void node_progress(int, double, double) override {}
  void node_logged(int, std::string_view) override {}
  void node_finished(int node, const Outcome& outcome) override;
  void tick() override;
  void finished(const RunReport& report) override;

  /// Why the file could not be written; the run went on without it.
  const std::optional<std::string>& problem() const { return problem_; }

 private:
  void write(const std::string& line) override;
  void flush();

  core::Disk& disk_;
  core::Path file_;
  std::string buffer_;
  std::chrono::steady_clock::time_point flushed_ = std::chrono::steady_clock::now();
  std::optional<std::string> problem_;
};

}  // namespace espalier::run
