// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <csignal>
#include <functional>
#include <stop_token>
#include <string_view>
#include <thread>

#include <espalier/abi.hpp>

namespace espalier::run {

/// While it lives, SIGINT and SIGTERM ask the run to stop; a second one leaves the process at once with status 130, and
/// takes with it whatever other processes came of this one.
/// What was set before is set again at the end of life. One at a time. [one thread]
///
/// The handler only writes to a pipe that a thread reads. Signals are not blocked, so child processes of whatever
/// library start with the default dispositions and an empty mask.
class ESPALIER_API StopOnSignal {
 public:
  /// `say` is called on the thread of this class with a last sentence for the user, right before the process leaves.
  using Say = std::function<void(std::string_view)>;
  explicit StopOnSignal(Say say);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  void listen();

  Say say_;
  std::stop_source source_;
  int pipe_[2] = {-1, -1};
  struct sigaction before_int_ {};
  struct sigaction before_term_ {};
  std::thread listener_;
};

}  // namespace espalier::run
