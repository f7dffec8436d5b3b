// SPDX-License-Identifier: Apache-2.0
#include "run/observers.hpp"

#include <condition_variable>
#include <utility>

namespace espalier::run {
namespace {

constexpr std::chrono::milliseconds kTick{100};

}  // namespace

void MultiObserver::started(const RunStart& start) {
  for (Observer* o : observers_) o->started(start);
}
void MultiObserver::node_started(int node) {
  for (Observer* o : observers_) o->node_started(node);
}
void MultiObserver::node_progress(int node, double done, double total) {
  for (Observer* o : observers_) o->node_progress(node, done, total);
}
void MultiObserver::node_logged(int node, std::string_view line) {
  for (Observer* o : observers_) o->node_logged(node, line);
}
void MultiObserver::node_finished(int node, const Outcome& outcome) {
  for (Observer* o : observers_) o->node_finished(node, outcome);
}
void MultiObserver::warned(std::string_view text) {
  for (Observer* o : observers_) o->warned(text);
}
void MultiObserver::stopping() {
  for (Observer* o : observers_) o->stopping();
}
void MultiObserver::tick() {
  for (Observer* o : observers_) o->tick();
}
void MultiObserver::finished(const RunReport& report) {
  for (Observer* o : observers_) o->finished(report);
}

void SerialObserver::start_ticking(std::stop_token stop) {
  ticker_ = std::jthread([this, stop = std::move(stop)](const std::stop_token& end) {
    std::mutex own;
    std::condition_variable_any wake;
    std::unique_lock hold(own);
    bool said = false;
    while (!end.stop_requested()) {
      wake.wait_for(hold, end, kTick, [] { return false; });
      if (end.stop_requested()) return;
      if (stop.stop_requested() && !std::exchange(said, true)) stopping();
      tick();
    }
  });
}
void SerialObserver::stop_ticking() {
  ticker_ = {};
}

void SerialObserver::started(const RunStart& start) {
  const std::scoped_lock hold(mutex_);
  inner_.started(start);
}
void SerialObserver::node_started(int node) {
  const std::scoped_lock hold(mutex_);
  inner_.node_started(node);
}
void SerialObserver::node_progress(int node, double done, double total) {
  const std::scoped_lock hold(mutex_);
  inner_.node_progress(node, done, total);
}
void SerialObserver::node_logged(int node, std::string_view line) {
  const std::scoped_lock hold(mutex_);
  inner_.node_logged(node, line);
}
void SerialObserver::node_finished(int node, const Outcome& outcome) {
  const std::scoped_lock hold(mutex_);
  inner_.node_finished(node, outcome);
}
void SerialObserver::warned(std::string_view text) {
  const std::scoped_lock hold(mutex_);
  inner_.warned(text);
}
void SerialObserver::stopping() {
  const std::scoped_lock hold(mutex_);
  inner_.stopping();
}
void SerialObserver::tick() {
  const std::scoped_lock hold(mutex_);
  inner_.tick();
}
void SerialObserver::finished(const RunReport& report) {
  const std::scoped_lock hold(mutex_);
  inner_.finished(report);
}

}  // namespace espalier::run
