// SPDX-License-Identifier: Apache-2.0
#include "process.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <espalier/error.hpp>

#include "family.hpp"

namespace espalier::external {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTick_ms = 20;
constexpr std::size_t kKept = 16 << 10;

/// What a program prints: read as it comes so that nobody waits, counted, and only its end kept.
class Output {
 public:
  Output() {
    if (::pipe2(ends_.data(), O_CLOEXEC) != 0) {
      throw Error(Code::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)),
                  "raise the limit on open files (ulimit -n)");
    }
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Output() {
    close_end(0);
    close_end(1);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  int target() const { return ends_[1]; }
  void close_target() { close_end(1); }
  std::int64_t count() const { return count_; }
  std::string take_end() { return std::move(kept_); }

  /// Waits a moment for something, and reads what is there.
  void read_some() {
    pollfd source{.fd = ends_[0], .events = POLLIN, .revents = 0};
    ::poll(&source, 1, kTick_ms);  // one without a file, at the end of all output, only waits
    read_all();
  }

  /// What is there now, up to a limit: others may print faster than this reads.
  void read_all() {
    std::array<char, std::size_t{64} << 10> part{};
    for (int i = 0; i < 64 && ends_[0] >= 0; ++i) {
      const ssize_t got = ::read(ends_[0], part.data(), part.size());
      if (got < 0) return;  // nothing now, or a signal: there is a next time
      if (got == 0) return close_end(0);
      keep({part.data(), static_cast<std::size_t>(got)});
    }
  }

 private:
  void keep(std::string_view part) {
    count_ += static_cast<std::int64_t>(part.size());
    kept_ += part;
    if (kept_.size() > kKept) kept_.erase(0, kept_.size() - kKept);
  }
  void close_end(std::size_t i) {
    if (ends_[i] >= 0) ::close(ends_[i]);
    ends_[i] = -1;
  }

  std::array<int, 2> ends_{-1, -1};
  std::int64_t count_ = 0;
  std::string kept_;
};

std::int64_t size_of(const std::filesystem::path& file) {
  std::error_code missing;
  const auto size = file.empty() ? 0 : std::filesystem::file_size(file, missing);
  return missing ? 0 : static_cast<std::int64_t>(size);
}

/// A limit that each process has to itself does not bound what several hold together, so that is looked at now and
/// then: it takes reading about every process of the machine.
class MemoryWatch {
 public:
  MemoryWatch(const Family& family, std::int64_t limit_mib) : family_(family), limit_(limit_mib << 20) {}

  bool is_exceeded() {
    if (limit_ == 0 || Clock::now() < next_) return false;
    next_ = Clock::now() + std::chrono::milliseconds(200);
    return family_.memory_bytes() > limit_;
  }

 private:
  const Family& family_;
  std::int64_t limit_;
  Clock::time_point next_;
};

/// Nothing as long as the program may go on.
std::optional<Ending> end_of(const Family& family, const Limits& limits, const Output& output, MemoryWatch& memory,
                             Clock::time_point start) {
  if (output.count() > limits.written_bytes || size_of(limits.file) > limits.written_bytes) {
    return Ending::wrote_too_much;
  }
  if (family.has_ended()) return family.status().by_signal ? Ending::by_signal : Ending::returned;
  if (memory.is_exceeded()) return Ending::out_of_memory;
  const double passed = std::chrono::duration<double>(Clock::now() - start).count();
  if (limits.seconds > 0 && passed >= limits.seconds) return Ending::out_of_time;
  return std::nullopt;
}

}  // namespace

Ended run_process(const std::vector<std::string>& command, const std::filesystem::path& folder, const Limits& limits,
                  const std::function<void()>& check) {
  Output output;
  const auto start = Clock::now();
  const Family family(
      {.command = command, .folder = folder, .memory_mib = limits.memory_mib, .output = output.target()});
  MemoryWatch memory(family, limits.memory_mib);
  output.close_target();
  std::optional<Ending> how;
  while (!how) {
    check();
    output.read_some();
    how = end_of(family, limits, output, memory, start);
  }
  output.read_all();
  const bool by_itself = *how == Ending::returned || *how == Ending::by_signal;
  return {.how = *how, .number = by_itself ? family.status().number : 0, .last_words = output.take_end()};
}

}  // namespace espalier::external
