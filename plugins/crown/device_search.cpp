// SPDX-License-Identifier: Apache-2.0
#include "device_search.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "device_problem.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

using End = SearchResult::End;
using Clock = std::chrono::steady_clock;

/// A round should end so soon that a time limit is kept, and be so long that the way to the device does not count.
constexpr double kLongRound_s = 0.25;
constexpr std::int64_t kFirstParents = 256;

class Search {
 public:
  Search(SearchState& state, const DeviceMaker& device, const SearchOptions& options)
      : state_(state), device_(device), options_(options) {}

  SearchResult run() {
    Domains planted = state_.plant();
    double worst = HUGE_VAL;
    for (const Domain& d : planted) worst = std::min(worst, d.bound);
    state_.note_first(worst);
    if (planted.empty() || state_.end() != End::proven) return state_.result(worst, std::move(planted));
    try {
      trees_.reset(device_.make_trees(device_problem(state_.root(), state_.goals()), options()));
      shares_.push_back(planted);
      put_back();
      while_open();
      state_.note_closed(trees_->closed_bound());
      worst = trees_->worst();
      return state_.result(worst, state_.end() == End::given_up ? trees_->open_domains() : Domains{});
    } catch (const DeviceFull&) {
      return give_up(planted);
    }
  }

 private:
  /// The search goes on elsewhere, from what is open.
  SearchResult give_up(const Domains& planted) {
    Domains open = left_of(planted);
    double worst = HUGE_VAL;
    for (const Domain& d : open) worst = std::min(worst, d.bound);
    if (!open.empty()) state_.end_with(End::given_up);
    SearchResult result = state_.result(worst, std::move(open));
    result.device_full = true;
    return result;
  }

  /// What a full device holds and what was on its way back to it; where it cannot tell, all that there was at first.
  Domains left_of(const Domains& planted) {
    if (trees_ == nullptr) return planted;
    try {
      state_.note_closed(trees_->closed_bound());
      Domains open = trees_->open_domains();
      for (const Domains& share : shares_) open.insert(open.end(), share.begin(), share.end());
      return open;
    } catch (const DeviceFull&) {
      return planted;
    }
  }

  DeviceOptions options() const {
    return {.effort = options_.effort,
            .candidates = options_.branching.candidates,
            .gap_weight = options_.branching.gap_weight,
            .often = kOftenNarrow,
            .memory = options_.memory,
            .threads = options_.threads};
  }

  void while_open() {
    std::int64_t parents = kFirstParents;
    while (trees_->open() > 0) {
      const End end = state_.why_stop([&] { return trees_->worst(); });
      if (end != End::proven) return state_.end_with(end);
      const auto start = Clock::now();
      DeviceRound round = trees_->round(parents);
      if (round.bounded == 0) return state_.end_with(End::given_up);  // no room for children is left
      take(std::move(round));
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      parents = seconds > kLongRound_s ? std::max<std::int64_t>(1, parents / 2)
                                       : std::min(2 * parents, trees_->most_parents());
    }
  }

  void take(DeviceRound round) {
    state_.note_domains(round.bounded);
    for (const DevicePoint& p : round.points) state_.try_point(p.goal, p.point);
    if (round.taken.empty() || state_.end() == End::violated) return;
    shares_.resize(static_cast<std::size_t>(std::max(1, options_.threads)));
    for (std::size_t i = 0; i < round.taken.size(); ++i) {
      shares_[i % shares_.size()].push_back(std::move(round.taken[i]));
    }
    in_parallel(static_cast<int>(shares_.size()), [&](int t) {
      Domains& share = shares_[static_cast<std::size_t>(t)];
      if (share.empty()) return;
      Brancher brancher = state_.brancher();
      state_.look_again(brancher, share, kOftenNarrow);
      state_.decide_leaves(brancher, share);
      state_.note_closed(brancher);
    });
    if (state_.end() == End::violated) return;
    put_back();
  }

  /// A share stays with the host until the device has it.
  void put_back() {
    for (; !shares_.empty(); shares_.pop_back()) {
      if (!shares_.back().empty()) trees_->put(shares_.back());
    }
  }

  SearchState& state_;
  const DeviceMaker& device_;
  const SearchOptions& options_;
  std::unique_ptr<DeviceTrees> trees_;
  std::vector<Domains> shares_;  ///< what the trees do not have, or not any more
};

}  // namespace

SearchResult device_search(SearchState& state, const DeviceMaker& device, const SearchOptions& options) {
  return Search(state, device, options).run();
}

}  // namespace espalier::crown
