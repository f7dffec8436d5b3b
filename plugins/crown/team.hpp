// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace espalier::crown {

/// Runs work(0) ... work(threads - 1) at the same time and waits; the first exception is thrown on.
inline void in_parallel(int threads, const std::function<void(int)>& work) {
  std::exception_ptr failure;
  std::mutex mutex;
  const auto guarded = [&](int t) {
    try {
      work(t);
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    for (int t = 1; t < threads; ++t) others.emplace_back(guarded, t);
    guarded(0);
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace espalier::crown
