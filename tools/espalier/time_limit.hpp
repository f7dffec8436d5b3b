// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace espalier::cli {

/// Seconds since this process was started, as near as can be known: the kernel's start time, unless that is so long ago
/// that a script must have turned into this program; then the processor time used up to now.
double process_age_s();

/// A time limit on the whole process. Whoever answers first, the work or the limit, has the last word.
class TimeLimit {
 public:
  /// After `limit_s` from the start of the process `expired` is true; some tenths of a second later, when nobody has
  /// answered, `give_up` runs on a thread of its own and the process ends with code 0.
  TimeLimit(double limit_s, std::function<void()> give_up);
  ~TimeLimit();
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;

  double elapsed_s() const;
  double remaining_s() const { return limit_s_ - elapsed_s(); }
  bool expired() const { return remaining_s() <= 0; }

  /// From now on the limit keeps silent. When it is speaking already, does not return.
  void claim();

 private:
  using Clock = std::chrono::steady_clock;
  void watch();

  double limit_s_;
  Clock::time_point start_;
  std::function<void()> give_up_;
  std::mutex mutex_;
  std::condition_variable claimed_;
  bool is_claimed_ = false;
  std::thread watcher_;
};

}  // namespace espalier::cli
