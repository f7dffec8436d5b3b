// SPDX-License-Identifier: Apache-2.0
#include "time_limit.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <unistd.h>

#include "core/descendants.hpp"
#include "core/kernel_file.hpp"

namespace espalier::cli {
namespace {

/// Work that looks at the limit ends within this time; work that does not is not waited for.
constexpr double kGrace_s = 0.4;
/// A process this old at the start of a command was another program before.
constexpr double kOldest_s = 1;

double seconds_of(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// When the kernel made this process, in seconds since it booted.
std::optional<double> start_since_boot() {
  const std::string text = core::read_kernel_file("/proc/self/stat");
  const auto name_end = text.rfind(')');  // the program's name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream rest(text.substr(name_end + 1));
  std::string skipped;
  constexpr int kBetween = 19;  // fields 3 to 21 (proc(5)); 22 is the start time in clock ticks
  for (int i = 0; i < kBetween; ++i) rest >> skipped;
  double ticks = 0;
  if (!(rest >> ticks)) return std::nullopt;
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

}  // namespace

double process_age_s() {
  if (const auto start = start_since_boot()) {
    const double age = seconds_of(CLOCK_BOOTTIME) - *start;
    if (age >= 0 && age < kOldest_s) return age;
  }
  return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

TimeLimit::TimeLimit(double limit_s, std::function<void()> give_up)
    : limit_s_(limit_s),
      start_(Clock::now() -
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(process_age_s()))),
      give_up_(std::move(give_up)),
      watcher_([this] { watch(); }) {}

TimeLimit::~TimeLimit() {
  claim();
  watcher_.join();
}

double TimeLimit::elapsed_s() const {
  return std::chrono::duration<double>(Clock::now() - start_).count();
}

void TimeLimit::claim() {
  const std::lock_guard lock(mutex_);
  is_claimed_ = true;
  claimed_.notify_all();
}

void TimeLimit::watch() {
  const auto wait = std::chrono::duration<double>(std::max(0.0, remaining_s()) + kGrace_s);
  std::unique_lock lock(mutex_);
  claimed_.wait_for(lock, wait, [this] { return is_claimed_; });
  if (is_claimed_) return;
  give_up_();  // under the lock: nobody else can claim the last word
  std::fflush(stdout);
  core::kill_descendants();
  std::_Exit(0);  // the work's threads are still at it
}

}  // namespace espalier::cli
