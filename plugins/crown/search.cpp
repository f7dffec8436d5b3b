// SPDX-License-Identifier: Apache-2.0
#include "search.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <utility>

#include "frontier.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

using End = SearchResult::End;

class Search {
 public:
  Search(const Root& root, std::span<const Case> cases, const SearchOptions& options, const TryPoint& try_point,
         const MayContinue& may_continue)
      : root_(root),
        options_(options),
        try_point_(try_point),
        may_continue_(may_continue),
        frontier_(options.most_open, options.threads) {
    for (std::size_t c = 0; c < cases.size(); ++c) {
      for (const Goal& goal : cases[c]) {
        goals_.push_back(goal);
        case_of_.push_back(c);
      }
    }
    cases_ = cases.size();
  }

  SearchResult run() {
    plant();
    if (end_ == End::proven) in_parallel(options_.threads, [&](int) { work(); });
    SearchResult result;
    result.domains = domains_;
    result.bound = std::min(frontier_.worst(), closed_bound_);
    for (const Domain& d : stuck_) result.bound = std::min(result.bound, d.bound);
    result.end = end_ == End::proven && !stuck_.empty() ? End::stuck : end_.load();
    result.stuck = std::move(stuck_);
    result.open = frontier_.drain();
    result.case_of = std::move(case_of_);
    return result;
  }

 private:
  Brancher brancher() {
    return {root_.program,
            root_.lines,
            root_.program.output(),
            goals_,
            options_.branching,
            [this](std::size_t goal, std::span<const float> point) {
              if (end_ != End::violated && try_point_(case_of_[goal], point)) end_ = End::violated;
            }};
  }

  /// Bounds every goal on the whole box and keeps the best of each case that none refutes.
  void plant() {
    Brancher first = brancher();
    Domains roots;
    for (std::size_t g = 0; g < goals_.size(); ++g) roots.push_back(first.root(g));
    first.bound(roots, options_.first);
    std::vector<int> open_goals(cases_, 0);
    for (const Domain& d : roots) ++open_goals[case_of_[d.goal]];
    std::vector<const Domain*> best(cases_, nullptr);
    for (const Domain& d : roots) {
      const std::size_t c = case_of_[d.goal];
      const auto all = std::count(case_of_.begin(), case_of_.end(), c);
      if (open_goals[c] < all) continue;  // another goal of the case holds everywhere
      if (best[c] == nullptr || d.bound > best[c]->bound) best[c] = &d;
    }
    Domains planted;
    for (std::size_t c = 0; c < cases_; ++c) {
      const bool without_goals = std::find(case_of_.begin(), case_of_.end(), c) == case_of_.end();
      if (without_goals) end_ = End::stuck;  // nothing can refute it
      if (best[c] != nullptr) planted.push_back(*best[c]);
    }
    keep(first, std::move(planted));
    note_closed(first);
  }

  void note_closed(const Brancher& brancher) {
    const std::lock_guard lock(mutex_);
    closed_bound_ = std::min(closed_bound_, brancher.closed_bound());
  }

  void work() {
    try {
      Brancher brancher = this->brancher();
      while_open(brancher);
      note_closed(brancher);
    } catch (...) {
      frontier_.stop();  // the others would wait for what this one has taken
      throw;
    }
  }

  void while_open(Brancher& brancher) {
    while (true) {
      Domains parents = frontier_.take(kLanes);
      if (parents.empty()) break;
      if (const End end = why_stop(); end != End::proven) {
        frontier_.give_back(std::move(parents));
        if (end_ == End::proven) end_ = end;
        frontier_.stop();
        break;
      }
      const std::int64_t before = brancher.domains();
      Domains children = brancher.branch(parents);
      brancher.bound(children, options_.effort);
      domains_ += brancher.domains() - before;
      keep(brancher, std::move(children));
      frontier_.give_back({});
    }
  }

  End why_stop() {
    if (end_ != End::proven) return end_;
    if (!may_continue_()) return End::out_of_time;
    return options_.most_domains > 0 && domains_ >= options_.most_domains ? End::given_up : End::proven;
  }

  /// Domains to be split go to the frontier. Where every neuron is fixed only the multipliers are left to improve.
  void keep(Brancher& brancher, Domains domains) {
    const auto fixed =
        std::partition(domains.begin(), domains.end(), [](const Domain& d) { return d.candidate_count > 0; });
    Domains leaves(std::make_move_iterator(fixed), std::make_move_iterator(domains.end()));
    domains.erase(fixed, domains.end());
    frontier_.put(std::move(domains));
    if (leaves.empty()) return;
    brancher.bound(leaves, options_.leaf);
    const std::lock_guard lock(mutex_);
    stuck_.insert(stuck_.end(), std::make_move_iterator(leaves.begin()), std::make_move_iterator(leaves.end()));
  }

  const Root& root_;
  const SearchOptions& options_;
  const TryPoint& try_point_;
  const MayContinue& may_continue_;
  std::vector<Goal> goals_;
  std::vector<std::size_t> case_of_;
  std::size_t cases_ = 0;
  Frontier<Domain> frontier_;
  std::atomic<std::int64_t> domains_{0};
  std::atomic<End> end_{End::proven};
  std::mutex mutex_;
  double closed_bound_ = HUGE_VAL;
  Domains stuck_;
};

}  // namespace

SearchResult search(const Root& root, std::span<const Case> cases, const SearchOptions& options,
                    const TryPoint& try_point, const MayContinue& may_continue) {
  return Search(root, cases, options, try_point, may_continue).run();
}

}  // namespace espalier::crown
