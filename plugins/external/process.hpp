// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace espalier::external {

struct Limits {
  double seconds = 0;           ///< 0: no limit
  std::int64_t memory_mib = 0;  ///< address space of each process, and memory that all hold together; 0: no limit
  std::int64_t written_bytes = std::int64_t{64} << 20;  ///< printed, and in `file`
  std::filesystem::path file;                           ///< that the program writes
};

enum class Ending : std::uint8_t { returned, by_signal, out_of_time, out_of_memory, wrote_too_much };

struct Ended {
  Ending how = Ending::returned;
  int number = 0;          ///< what it returned, or the signal
  std::string last_words;  ///< the end of what it printed
};

/// Runs a program in a folder of its own and waits for its end; every process that came of it is gone then. `check` is
/// called some fifty times a second; what it throws ends them all and is passed on. Throws Error when the program
/// cannot be started.
Ended run_process(const std::vector<std::string>& command, const std::filesystem::path& folder, const Limits& limits,
                  const std::function<void()>& check);

}  // namespace espalier::external
