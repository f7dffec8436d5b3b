// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstddef>
#include <iterator>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace espalier::crown {

/// The open domains of all workers, the worst bound first; when there are too many, the best first, which keeps memory
/// bounded. Domains have a `bound`. [any thread]
template <class Domain>
class Frontier {
 public:
  Frontier(std::size_t most_open, int workers) : most_open_(most_open), workers_(static_cast<std::size_t>(workers)) {}

  /// Waits for domains while other workers may still bring some; empty when all is done or stopped. Never more than a
  /// worker's share of what there is.
  std::vector<Domain> take(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !open_.empty() || busy_ == 0; });
    std::vector<Domain> taken;
    if (stopped_) return taken;
    most = std::min(most, (open_.size() + workers_ - 1) / workers_);
    for (std::size_t i = 0; i < most; ++i) {
      const auto which = open_.size() > most_open_ ? std::prev(open_.end()) : open_.begin();
      taken.push_back(std::move(which->second));
      open_.erase(which);
    }
    if (!taken.empty()) ++busy_;
    return taken;
  }

  void put(std::vector<Domain> domains) {
    const std::lock_guard lock(mutex_);
    for (Domain& d : domains) open_.emplace(d.bound, std::move(d));
  }

  /// What became of the domains of one take().
  void give_back(std::vector<Domain> domains) {
    put(std::move(domains));
    {
      const std::lock_guard lock(mutex_);
      --busy_;
    }
    changed_.notify_all();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  double worst() {
    const std::lock_guard lock(mutex_);
    return open_.empty() ? HUGE_VAL : open_.begin()->first;
  }

  std::vector<Domain> drain() {
    const std::lock_guard lock(mutex_);
    std::vector<Domain> all;
    for (auto& [bound, domain] : open_) all.push_back(std::move(domain));
    open_.clear();
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<double, Domain> open_;
  std::size_t most_open_;
  std::size_t workers_;
  int busy_ = 0;
  bool stopped_ = false;
};

}  // namespace espalier::crown
