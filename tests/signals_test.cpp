// SPDX-License-Identifier: Apache-2.0
#include "run/signals.hpp"

#include <chrono>
#include <csignal>
#include <mutex>
#include <string>
#include <thread>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace espalier::run {
namespace {

/// Waits for the listening thread, up to a time that no machine needs.
template <class Condition>
bool comes_true(Condition condition) {
  for (int i = 0; i < 6000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return condition();
}

TEST_CASE("a signal asks to stop, is told once, and what was set before comes back") {
  struct sigaction before {};
  ::sigaction(SIGTERM, nullptr, &before);
  for (const int signal : {SIGINT, SIGTERM}) {
    std::mutex mutex;
    std::string said;
    {
      const StopOnSignal stop([&](std::string_view text) {
        const std::scoped_lock hold(mutex);
        said += text;
      });
      CHECK_FALSE(stop.token().stop_requested());
      ::raise(signal);
      CHECK(comes_true([&] { return stop.token().stop_requested(); }));
    }
    CHECK(said == "interrupted: waiting for the running nodes to stop; interrupt again to leave at once");
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

#endif

TEST_CASE("children start with default dispositions and an empty mask") {
  const StopOnSignal stop([](std::string_view) {});
  // The shell would ignore a signal that was ignored or blocked in its parent; a default one ends it.
  const int status = std::system("kill -INT $$; exit 7");
  CHECK((WIFSIGNALED(status) || WEXITSTATUS(status) == 128 + SIGINT));
}

}  // namespace
}  // namespace espalier::run
