// SPDX-License-Identifier: Apache-2.0
#include "run/signals.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <espalier/error.hpp>

#include "core/descendants.hpp"

namespace espalier::run {
namespace {

constexpr char kSignal = 's';
constexpr char kEnd = 'e';
constexpr int kInterrupted = 130;

// A signal handler has no argument of ours: the one thing here that must be global.
std::atomic<int> signal_pipe = -1;
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void on_signal(int) {
  const int before = errno;
  const ssize_t ignored = ::write(signal_pipe.load(), &kSignal, 1);
  (void)ignored;  // the pipe is full: so many signals came that the thread has enough to read
  errno = before;
}

void install(int signal, struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, &before);
}

}  // namespace

StopOnSignal::StopOnSignal(Say say) : say_(std::move(say)) {
  if (::pipe2(pipe_, O_CLOEXEC) != 0) {
    throw Error(Code::io, fmt::format("cannot make a pipe for signals: {}", std::strerror(errno)),
                "raise the limit on open files (ulimit -n)");
  }
  ::fcntl(pipe_[1], F_SETFL, O_NONBLOCK);  // a handler must never wait
  signal_pipe = pipe_[1];
  listener_ = std::thread([this] { listen(); });
  install(SIGINT, before_int_);
  install(SIGTERM, before_term_);
}

StopOnSignal::~StopOnSignal() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
  signal_pipe = -1;
  while (::write(pipe_[1], &kEnd, 1) < 0 && errno == EAGAIN) std::this_thread::yield();
  listener_.join();
  ::close(pipe_[0]);
  ::close(pipe_[1]);
}

void StopOnSignal::listen() {
  char event = 0;
  while (true) {
    const ssize_t got = ::read(pipe_[0], &event, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got != 1 || event == kEnd) return;
    if (source_.stop_requested()) {
      core::kill_descendants();  // a verifier's tool, say: nobody is left to end it
      say_("interrupted again: leaving at once; what finished is stored");
      ::_exit(kInterrupted);
    }
    source_.request_stop();
  }
}

}  // namespace espalier::run
