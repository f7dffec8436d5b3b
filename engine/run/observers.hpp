// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "run/observer.hpp"

namespace espalier::run {

/// Tells several observers, in the order they were added. They must outlive it.
class ESPALIER_API MultiObserver final : public Observer {
 public:
  void add(Observer& observer) { observers_.push_back(&observer); }

  void started(const RunStart& start) override;
  void node_started(int node) override;
  void node_progress(int node, double done, double total) override;
  void node_logged(int node, std::string_view line) override;
  void node_finished(int node, const Outcome& outcome) override;
  void warned(std::string_view text) override;
  void stopping() override;
  void tick() override;
  void finished(const RunReport& report) override;

 private:
  std::vector<Observer*> observers_;
};

/// The one lock: passes everything on, one call at a time. [any thread]
class SerialObserver final : public Observer {
 public:
  explicit SerialObserver(Observer& inner) : inner_(inner) {}

  /// From now on `tick` is called ten times a second, and `stopping` when it is seen that `stop` was requested: not by
  /// who requested it, for a thread that handles signals must never wait for an observer.
  void start_ticking(std::stop_token stop);
  void stop_ticking();

  void started(const RunStart& start) override;
  void node_started(int node) override;
  void node_progress(int node, double done, double total) override;
  void node_logged(int node, std::string_view line) override;
  void node_finished(int node, const Outcome& outcome) override;
  void warned(std::string_view text) override;
  void stopping() override;
  void tick() override;
  void finished(const RunReport& report) override;

 private:
  Observer& inner_;
  std::mutex mutex_;
  std::jthread ticker_;
};

}  // namespace espalier::run
