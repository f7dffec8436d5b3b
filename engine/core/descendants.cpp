// SPDX-License-Identifier: Apache-2.0
#include "core/descendants.hpp"

#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "core/kernel_file.hpp"

namespace espalier::core {
namespace {

struct Process {
  pid_t id = 0;
  pid_t parent = 0;
  pid_t session = 0;
  bool has_ended = false;
};

/// Everything but the number is 0 for a process that is gone by now.
Process look_at(pid_t id) {
  const std::string text = read_kernel_file(fmt::format("/proc/{}/stat", id));
  const auto name_end = text.rfind(')');  // a program's name may hold anything
  if (name_end == std::string::npos) return {.id = id, .has_ended = true};
  std::istringstream fields(text.substr(name_end + 1));
  char state = 0;
  pid_t group = 0;
  Process process{.id = id};
  fields >> state >> process.parent >> group >> process.session;  // fields 3 to 6, proc(5)
  process.has_ended = state == 'Z' || state == 'X';
  return process;
}

std::vector<Process> all_processes() {
  std::vector<Process> all;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    pid_t id = 0;
    const auto [rest, failure] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (failure == std::errc{} && rest == name.data() + name.size()) all.push_back(look_at(id));
  }
  return all;
}

}  // namespace

void kill_descendants() {
  std::set<pid_t> family{::getpid()};
  const pid_t own_session = ::getsid(0);
  // Again until nobody is new: some may start others while this looks. Those killed are kept, so that what they leave
  // behind in their sessions is found after them.
  for (bool is_larger = true; is_larger;) {
    is_larger = false;
    for (const Process& process : all_processes()) {
      const bool is_ours =
          family.contains(process.parent) || (process.session != own_session && family.contains(process.session));
      if (!is_ours || !family.insert(process.id).second) continue;
      is_larger = true;
      if (!process.has_ended) ::kill(process.id, SIGKILL);
    }
  }
}

}  // namespace espalier::core
