// SPDX-License-Identifier: Apache-2.0
#include "pipeline/external_filter.hpp"

#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <espalier/error.hpp>

extern char** environ;

namespace espalier::pipeline {
namespace {

[[noreturn]] void fail(const std::string& what, int reason) {
  throw Error(Code::io, fmt::format("{}: {}", what, std::strerror(reason)),
              "try again; the system may be out of memory");
}

/// A file in memory. Unlike a pipe it takes any amount while nobody reads, so neither side can block the other.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : fd_(memfd_create(name, MFD_CLOEXEC)) {
    if (fd_ < 0) fail("cannot make a file in memory", errno);
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  int fd() const { return fd_; }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail("cannot write to a file in memory", errno);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    lseek(fd_, 0, SEEK_SET);
  }

  std::string content() const {
    std::string out(static_cast<std::size_t>(lseek(fd_, 0, SEEK_END)), '\0');
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail("cannot read a file in memory", errno);
      done += static_cast<std::size_t>(n);
    }
    return out;
  }

 private:
  int fd_;
};

/// What a child gets: three files, no blocked and no ignored signals, whatever this thread has.
class SpawnSetup {
 public:
  SpawnSetup(int in, int out, int err) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  /// The child, or the reason why there is none.
  std::pair<pid_t, int> start(std::vector<std::string> command) const {
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int failure = posix_spawnp(&child, arguments[0], &actions_, &attributes_, arguments.data(), environ);
    return {child, failure};
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

std::string filter_through(const std::vector<std::string>& command, std::string_view input,
                           const std::string& if_missing) {
  MemoryFile in("in");
  const MemoryFile out("out");
  const MemoryFile err("err");
  in.write(input);
  const auto [child, failure] = SpawnSetup(in.fd(), out.fd(), err.fd()).start(command);
  if (failure == ENOENT) {
    throw Error(Code::missing, fmt::format("the program '{}' was not found in PATH", command[0]), if_missing);
  }
  if (failure != 0) fail(fmt::format("cannot start '{}'", command[0]), failure);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail(fmt::format("cannot wait for '{}'", command[0]), errno);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return out.content();
  const std::string how = WIFEXITED(status) ? fmt::format("ended with {}", WEXITSTATUS(status))
                                            : fmt::format("was ended by signal {}", WTERMSIG(status));
  throw Error(Code::io, fmt::format("'{}' {}: {}", command[0], how, last_line(err.content())),
              "run it by hand to see more");
}

}  // namespace espalier::pipeline
