// SPDX-License-Identifier: Apache-2.0
#include "family.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <espalier/error.hpp>

extern char** environ;

namespace espalier::external {
namespace {

using namespace std::chrono_literals;
constexpr auto kTick = 10ms;
constexpr int kPatience = 50;      // ticks to end well
constexpr int kPersistence = 500;  // ticks of SIGKILL; only a process stuck in the kernel needs more than one

constexpr std::string_view kMarkName = "ESPALIER_TOOL_FOLDER=";

/// What the program gets: no input, its folder, a session of its own, no other open file, no blocked or ignored signal.
class SpawnSetup {
 public:
  explicit SpawnSetup(const Family::Start& start) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, start.output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, start.output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawn_file_actions_addchdir_np(&actions_, start.folder.c_str());
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// The child; throws Error when there is none.
  pid_t start(std::vector<std::string> command, std::vector<std::string> environment) const {
    std::vector<char*> words = pointers(command);
    std::vector<char*> variables = pointers(environment);
    pid_t child = -1;
    const int failure = posix_spawnp(&child, words[0], &actions_, &attributes_, words.data(), variables.data());
    if (failure == 0) return child;
    throw Error(failure == ENOENT ? Code::missing : Code::io,
                fmt::format("cannot start '{}': {}", command[0], std::strerror(failure)),
                "it has to be executable, and a script's first line has to name its interpreter, as #!/bin/bash does");
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

/// prlimit (util-linux) sets the limit between fork and exec, where a program with threads can do little itself.
std::vector<std::string> limited(const Family::Start& start) {
  if (start.memory_mib == 0) return start.command;
  std::vector<std::string> command{"prlimit", fmt::format("--as={}", start.memory_mib << 20)};
  command.insert(command.end(), start.command.begin(), start.command.end());
  return command;
}

std::vector<std::string> environment_with(const std::string& mark) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(kMarkName)) all.emplace_back(*entry);
  }
  all.push_back(mark);
  return all;
}

/// Empty for a process that is gone, or another user's; it may end while this reads.
std::string read_of(pid_t process, const char* what) {
  std::ifstream file(fmt::format("/proc/{}/{}", process, what), std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // a failure within ends it; iterators over the buffer would throw ESRCH
  return text.str();
}

/// What a process holds in memory: its share of every page. 0 for one that is gone.
std::int64_t memory_of(pid_t process) {
  constexpr std::string_view kShare = "\nPss:";
  const std::string shares = read_of(process, "smaps_rollup");
  if (const auto at = shares.find(kShare); at != std::string::npos) {
    return std::strtoll(shares.c_str() + at + kShare.size(), nullptr, 10) << 10;
  }
  // A kernel that does not tell shares: all of its pages.
  std::istringstream pages(read_of(process, "statm"));
  std::int64_t size = 0;
  std::int64_t resident = 0;
  pages >> size >> resident;  // proc(5)
  return pages ? resident * ::sysconf(_SC_PAGESIZE) : 0;
}

bool has_entry(std::string_view environment, std::string_view entry) {
  while (!environment.empty()) {
    const std::string_view one = environment.substr(0, environment.find('\0'));
    if (one == entry) return true;
    environment.remove_prefix(std::min(environment.size(), one.size() + 1));
  }
  return false;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> all;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    pid_t process = 0;
    const auto [rest, failure] = std::from_chars(name.data(), name.data() + name.size(), process);
    if (failure == std::errc{} && rest == name.data() + name.size()) all.push_back(process);
  }
  return all;
}

}  // namespace

Family::Family(const Start& start) : mark_(std::string(kMarkName) + start.folder.string()) {
  leader_ = SpawnSetup(start).start(limited(start), environment_with(mark_));
}

Family::~Family() {
  end();
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED) != 0 && errno == EINTR) {
  }
}

bool Family::has_ended() const {
  siginfo_t info{};
  // Not taken notice of: as long as it is not, nobody else can get its number.
  ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT);
  return info.si_pid == leader_;
}

Family::Status Family::status() const {
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT);
  return {.by_signal = info.si_code != CLD_EXITED, .number = info.si_status};
}

void Family::end() const {
  bool some = signal_all(SIGTERM);
  for (int tick = 0; some && tick < kPatience; ++tick) {
    std::this_thread::sleep_for(kTick);
    some = signal_all(0);
  }
  for (int tick = 0; some && tick < kPersistence; ++tick) {
    some = signal_all(SIGKILL);
    if (some) std::this_thread::sleep_for(kTick);
  }
}

bool Family::has(pid_t process) const {
  const std::string stat = read_of(process, "stat");
  const auto name_end = stat.rfind(')');  // a program's name may hold anything
  if (name_end == std::string::npos) return false;
  std::istringstream fields(stat.substr(name_end + 1));
  char state = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  fields >> state >> parent >> group >> session;  // fields 3 to 6, proc(5)
  if (!fields || state == 'Z' || state == 'X') return false;
  return session == leader_ || has_entry(read_of(process, "environ"), mark_);
}

std::int64_t Family::memory_bytes() const {
  std::int64_t sum = 0;
  for (const pid_t process : all_processes()) {
    if (has(process)) sum += memory_of(process);
  }
  return sum;
}

/// False when there is nobody.
bool Family::signal_all(int signal) const {
  bool some = false;
  for (const pid_t process : all_processes()) {
    if (has(process)) some = ::kill(process, signal) == 0 || some;
  }
  return some;
}

}  // namespace espalier::external
