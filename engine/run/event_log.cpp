// SPDX-License-Identifier: Apache-2.0
#include "run/event_log.hpp"

#include <utility>

namespace espalier::run {
namespace {

constexpr std::chrono::seconds kFlushInterval{1};

}  // namespace

EventLog::EventLog(core::Disk& disk, core::Path file) : disk_(disk), file_(std::move(file)) {}

EventLog::~EventLog() {
  flush();
}

void EventLog::tick() {
  if (std::chrono::steady_clock::now() - flushed_ >= kFlushInterval) flush();
}

void EventLog::node_finished(int node, const Outcome& outcome) {
  EventLines::node_finished(node, outcome);
  if (std::holds_alternative<Ran>(outcome)) flush();
}

void EventLog::finished(const RunReport& report) {
  EventLines::finished(report);
  flush();
}

void EventLog::write(const std::string& line) {
  if (problem_) return;
  buffer_ += line;
  tick();
}

void EventLog::flush() {
  flushed_ = std::chrono::steady_clock::now();
  const std::string bytes = std::exchange(buffer_, {});
  if (problem_ || bytes.empty()) return;
  try {
    disk_.append(file_, bytes);
  } catch (const std::exception& error) {
    problem_ = error.what();
  }
}

}  // namespace espalier::run
