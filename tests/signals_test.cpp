// SPDX-License-Identifier: Apache-2.0
#include "run/signals.hpp"

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/runs.hpp"
#include "support/temp_dir.hpp"

namespace espalier::run {
namespace {

/// Waits for the listening thread, up to a time that no machine needs.
template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 6000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

TEST_CASE("a signal asks to stop, and what was set before comes back") {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);
  for (const int signal : {SIGINT, SIGTERM}) {
    const StopOnSignal stop([](std::string_view) { FAIL("nobody leaves"); });
    CHECK_FALSE(stop.token().stop_requested());
    ::raise(signal);
    CHECK(comes_true([&] { return stop.token().stop_requested(); }));
  }
  struct sigaction after {};
  ::sigaction(SIGTERM, nullptr, &after);
  CHECK((after.sa_handler == before.sa_handler));
}

TEST_CASE("no signal, no stop: it ends at once") {
  StopOnSignal([](std::string_view) { FAIL("nothing happened"); });
}

#ifndef __SANITIZE_THREAD__  // which does not let a forked child start threads
TEST_CASE("the second signal leaves with status 130") {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const StopOnSignal stop([](std::string_view) {});
    ::raise(SIGINT);
    if (!comes_true([&] { return stop.token().stop_requested(); })) ::_exit(1);
    ::raise(SIGINT);
    comes_true([] { return false; });
    ::_exit(2);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}

/// A tool that heeds no signal, with a process of its session whose parent is gone and one in a session of its own.
constexpr const char* kStubbornTool = R"(
trap '' TERM INT
(sleep 1000 & echo $! >>"$1")
setsid sleep 1000 &
echo $! >>"$1"
echo $$ >>"$1"
touch "$1.whole"
wait)";

/// In a process of its own: starts the tool and gets two signals.
[[noreturn]] void leave_a_tool_behind(const std::string& list) {
  const StopOnSignal stop([](std::string_view) {});
  if (::fork() == 0) {
    ::setsid();
    ::execl("/bin/sh", "sh", "-c", kStubbornTool, "sh", list.c_str(), nullptr);
    ::_exit(1);
  }
  if (!comes_true([&] { return std::filesystem::exists(list + ".whole"); })) ::_exit(2);
  ::raise(SIGINT);
  if (!comes_true([&] { return stop.token().stop_requested(); })) ::_exit(3);
  ::raise(SIGINT);
  comes_true([] { return false; });
  ::_exit(4);
}

TEST_CASE("the second signal takes along what the process started, also in sessions of their own") {
  const testing::TempDir dir;
  const std::string list = (dir / "processes").string();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) leave_a_tool_behind(list);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 130);
  std::ifstream processes(list);
  int count = 0;
  for (std::string process; processes >> process; ++count) {
    CAPTURE(process);
    CHECK(comes_true([&] { return !testing::runs(process); }));
  }
  CHECK(count == 3);
}

#endif

TEST_CASE("children start with default dispositions and an empty mask") {
  const StopOnSignal stop([](std::string_view) {});
  // The shell would ignore a signal that was ignored or blocked in its parent; a default one ends it.
  const int status = std::system("kill -INT $$; exit 7");
  CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) == 128 + SIGINT));
}

}  // namespace
}  // namespace espalier::run
