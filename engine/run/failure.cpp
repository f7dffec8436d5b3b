// SPDX-License-Identifier: Apache-2.0
#include "run/failure.hpp"

#include <exception>
#include <new>
#include <string>

namespace espalier::run {
namespace {

/// The text of an exception that is not ours. LibTorch's what() goes on with a backtrace for pages: the first line is
/// the message, all of it goes to the log.
Outcome foreign_failure(const std::string& text, NodeLog& log) {
  const auto end = text.find('\n');
  if (end != std::string::npos) log.note(text);
  return Failed{.message = text.substr(0, end), .hint = {}, .code = Code::internal};
}

Outcome translate(const std::stop_token& stop, NodeLog& log) {
  try {
    throw;
  } catch (const Error& error) {
    if (error.code() == Code::stopped && stop.stop_requested()) return Stopped{};
    return Failed{.message = error.what(), .hint = error.hint(), .code = error.code()};
  } catch (const std::bad_alloc&) {
    return Failed{.message = "out of memory", .hint = "fewer nodes at once need less: --jobs", .code = Code::internal};
  } catch (const std::exception& error) {
    return foreign_failure(error.what(), log);
  } catch (...) {
    return Failed{.message = "the stage threw something that is not a std::exception",
                  .hint = "this is a mistake in its plugin",
                  .code = Code::internal};
  }
}

}  // namespace

Outcome caught_failure(const std::stop_token& stop, NodeLog& log) {
  Outcome outcome = translate(stop, log);
  if (const Failed* failed = std::get_if<Failed>(&outcome)) {
    log.note("failed: " + failed->message);
    if (!failed->hint.empty()) log.note("hint: " + failed->hint);
  } else {
    log.note("stopped");
  }
  return outcome;
}

}  // namespace espalier::run
