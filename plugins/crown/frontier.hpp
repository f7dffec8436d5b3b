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

/// The open domains of all workers, the worst bound first; when they fill the memory, the best first: these are near
/// their proof, so what is open hardly grows further. Domains have a `bound`, and there is a bytes_of(domain). [any
/// thread]
template <class Domain>
class Frontier {
 public:
  Frontier(std::size_t memory, int workers) : memory_(memory), workers_(static_cast<std::size_t>(workers)) {}

  /// Waits for domains while other workers may still bring some; empty when all is done or stopped. Never more than a
  /// worker's share of what there is.
  std::vector<Domain> take(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !open_.empty() || busy_ == 0; });
    std::vector<Domain> taken;
    if (stopped_) return taken;
    most = std::min(most, (open_.size() + workers_ - 1) / workers_);
    for (std::size_t i = 0; i < most; ++i) {
      const auto which = bytes_ > memory_ ? std::prev(open_.end()) : open_.begin();
      bytes_ -= size_of(which->second);
      taken.push_back(std::move(which->second));
      open_.erase(which);
    }
    if (!taken.empty()) ++busy_;
    return taken;
  }

  void put(std::vector<Domain> domains) {
    const std::lock_guard lock(mutex_);
    for (Domain& d : domains) {
      bytes_ += size_of(d);
      open_.emplace(d.bound, std::move(d));
    }
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
    bytes_ = 0;
    return all;
  }

 private:
  /// With what the map needs for it.
  static std::size_t size_of(const Domain& domain) { return bytes_of(domain) + sizeof(domain) + 64; }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<double, Domain> open_;
  std::size_t memory_;
  std::size_t bytes_ = 0;
  std::size_t workers_;
  int busy_ = 0;
  bool stopped_ = false;
};

}  // namespace espalier::crown
