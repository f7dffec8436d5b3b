// SPDX-License-Identifier: Apache-2.0
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace espalier::run {

/// Tells ThreadSanitizer of an order that it cannot see, because libtbb itself is not instrumented: what was done
/// before `give` is visible after `take`. Orders nothing by itself; without the sanitizer it is nothing at all.
class Handover {
 public:
#ifdef __SANITIZE_THREAD__
  void give() {
    __tsan_release(this);
  }
  void take() {
    __tsan_acquire(this);
  }
#else
  void give() {}
  void take() {}
#endif
};

/// A task between two of them.
class Handed {
 public:
  Handed(Handover& from, Handover& to) : to_(to) { from.take(); }
  ~Handed() { to_.give(); }
  Handed(const Handed&) = delete;
  Handed& operator=(const Handed&) = delete;

 private:
  Handover& to_;
};

}  // namespace espalier::run
