// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace espalier::external {

/// A program at work and every process that came of it: those of its session, and those that have the mark its
/// environment got, which `setsid`, `timeout` and daemons pass on. A process group alone would lose all three. None of
/// them outlives this object: they get SIGTERM, and SIGKILL when they do not heed it. They are found in /proc.
class Family {
 public:
  struct Start {
    std::vector<std::string> command;  ///< the first word is a path
    std::filesystem::path folder;      ///< where it works; no other family's, as it is the mark
    std::int64_t memory_mib = 0;       ///< most address space of each process; 0: no limit
    int output = -1;                   ///< takes what is printed on standard output and error; borrowed
  };
  /// Throws Error when the program cannot be started.
  explicit Family(const Start& start);
  ~Family();
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  /// Whether the program itself ended; others may still run.
  bool has_ended() const;
  struct Status {
    bool by_signal = false;
    int number = 0;  ///< of the signal, or what the program returned
  };
  /// What all of them hold in memory now; what they share counts once.
  std::int64_t memory_bytes() const;
  /// How the program ended. Needs: it did.
  Status status() const;

 private:
  void end() const;
  bool has(pid_t process) const;
  bool signal_all(int signal) const;

  std::string mark_;
  pid_t leader_ = -1;
};

}  // namespace espalier::external
