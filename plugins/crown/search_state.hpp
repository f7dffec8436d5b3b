// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "brancher.hpp"
#include "search.hpp"

namespace espalier::crown {

/// What a search knows besides its open domains, wherever these are: what closed, what is stuck, how it ends. [any
/// thread]
class SearchState {
 public:
  using End = SearchResult::End;

  SearchState(const Root& root, std::span<const Case> cases, const SearchOptions& options, const TryPoint& try_point,
              const MayContinue& may_continue);

  const Root& root() const { return root_; }
  std::span<const Goal> goals() const { return goals_; }
  Brancher brancher();

  /// Bounds every goal on the whole box and keeps the best of each case that none refutes.
  Domains plant();
  /// Drops domains that bounds in double close: those that were narrow often enough. A second look costs as much as
  /// some splits, and most of what fails narrowly once is closed by the next.
  void look_again(const Brancher& brancher, Domains& domains, int often);
  /// Takes out of domains those where every neuron is fixed, and decides them.
  void decide_leaves(Brancher& brancher, Domains& domains);
  void try_point(std::size_t goal, std::span<const float> point);

  void note_closed(double bound, Leaves leaves = {});
  /// What a brancher closed so far.
  void note_closed(Brancher& brancher) { note_closed(brancher.closed_bound(), brancher.take_closed()); }
  void note_domains(std::int64_t more) { domains_ += more; }
  /// Before the first split: the worst bound of all.
  void note_first(double worst) { first_bound_ = worst; }

  End end() const { return end_; }
  /// The first reason to end counts, but a violation more than all.
  void end_with(End end);
  /// `proven`: go on. `worst` bound of an open domain, when it is asked for.
  End why_stop(const std::function<double()>& worst);

  SearchResult result(double worst, Domains open);

 private:
  void note_half(double worst);
  bool is_near(const std::function<double()>& worst) const;
  bool is_hopeless(const std::function<double()>& worst) const;
  void decide(const Brancher& brancher, Domain domain);

  const Root& root_;
  const SearchOptions& options_;
  const TryPoint& try_point_;
  const MayContinue& may_continue_;
  std::vector<Goal> goals_;
  std::vector<std::size_t> case_of_;
  std::size_t cases_ = 0;
  InputTrial trial_;
  SecondLook second_look_;
  std::atomic<std::int64_t> domains_{0};
  std::atomic<End> end_{End::proven};
  std::mutex mutex_;
  double closed_bound_ = HUGE_VAL;
  double first_bound_ = HUGE_VAL;
  std::atomic<double> half_bound_{-HUGE_VAL};  ///< the worst with half of the domains used
  Domains stuck_;
  Leaves closed_;
  SecondLook::End why_ = SecondLook::End::refuted;
};

}  // namespace espalier::crown
