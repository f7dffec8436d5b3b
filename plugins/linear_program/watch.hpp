// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include "abstract/domains.hpp"

namespace espalier::linear {

/// Asks between the steps of a solver whether to go on. Solvers copy their handlers, so what those share lies outside;
/// an exception waits here until the solver has returned, because none may pass through it.
class Watch {
 public:
  explicit Watch(const abstract::MayContinue& may_continue) : may_continue_(&may_continue) {}

  bool goes_on() {
    return !ended_ && guarded([this] { return (*may_continue_)(); });
  }
  /// Whether the solver shall go on, as `ask` says; an exception of it ends.
  template <class Ask>
  bool guarded(const Ask& ask) {
    try {
      if (!ask()) ended_ = true;
    } catch (...) {
      thrown_ = std::current_exception();
      ended_ = true;
    }
    return !ended_;
  }

  bool ended() const { return ended_; }
  void rethrow() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  const abstract::MayContinue* may_continue_;
  std::exception_ptr thrown_;
  bool ended_ = false;
};

}  // namespace espalier::linear
