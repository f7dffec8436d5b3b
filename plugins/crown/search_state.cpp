// SPDX-License-Identifier: Apache-2.0
#include "search_state.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace espalier::crown {
namespace {

std::vector<Goal> goals_of(std::span<const Case> cases) {
  std::vector<Goal> goals;
  for (const Case& one : cases) goals.insert(goals.end(), one.begin(), one.end());
  return goals;
}

std::vector<std::size_t> cases_of_goals(std::span<const Case> cases) {
  std::vector<std::size_t> case_of;
  for (std::size_t c = 0; c < cases.size(); ++c) case_of.insert(case_of.end(), cases[c].size(), c);
  return case_of;
}

/// Inputs in doubles, for somebody who looks at points of floats.
InputTrial rounded_trial(const Root& root, const TryPoint& try_point) {
  InputTrial trial;
  for (const abstract::Interval& range : root.relaxation.bounds(0)) {
    trial.box.low.push_back(range.low);
    trial.box.high.push_back(range.high);
  }
  trial.look = [&root, &try_point](std::size_t c, std::span<const double> input) {
    std::vector<float> point;
    for (const std::int32_t k : root.program.value(0).elements) {
      point.push_back(static_cast<float>(input[static_cast<std::size_t>(k)]));
    }
    return try_point(c, point);
  };
  return trial;
}

}  // namespace

SearchState::SearchState(const Root& root, std::span<const Case> cases, const SearchOptions& options,
                         const TryPoint& try_point, const MayContinue& may_continue)
    : root_(root),
      options_(options),
      try_point_(try_point),
      may_continue_(may_continue),
      goals_(goals_of(cases)),
      case_of_(cases_of_goals(cases)),
      cases_(cases.size()),
      trial_(options.trial != nullptr ? *options.trial : rounded_trial(root, try_point)),
      second_look_(root, goals_, case_of_, trial_, may_continue) {}

Brancher SearchState::brancher() {
  BranchOptions branching = options_.branching;
  branching.for_proof = options_.for_proof;
  return {
      root_.program, root_.lines, root_.program.output(),
      goals_,        branching,   [this](std::size_t goal, std::span<const float> point) { try_point(goal, point); }};
}

void SearchState::try_point(std::size_t goal, std::span<const float> point) {
  if (end_ != End::violated && try_point_(case_of_[goal], point)) end_ = End::violated;
}

Domains SearchState::plant() {
  Brancher first = brancher();
  Domains roots;
  for (std::size_t g = 0; g < goals_.size(); ++g) roots.push_back(first.root(g));
  first.bound(roots, options_.first);
  look_again(first, roots, 1);
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
  decide_leaves(first, planted);
  note_closed(first);
  return planted;
}

void SearchState::look_again(const Brancher& brancher, Domains& domains, int often) {
  std::erase_if(domains, [&](Domain& d) {
    if (d.narrow < often) return false;
    d.bound = std::max(d.bound, second_look_.bound(d));
    if (!(d.bound > 0)) return false;
    note_closed(d.bound, options_.for_proof ? Leaves{brancher.leaf_of(d)} : Leaves{});
    return true;
  });
}

void SearchState::decide_leaves(Brancher& brancher, Domains& domains) {
  const auto fixed =
      std::partition(domains.begin(), domains.end(), [](const Domain& d) { return d.candidate_count > 0; });
  Domains leaves(std::make_move_iterator(fixed), std::make_move_iterator(domains.end()));
  domains.erase(fixed, domains.end());
  if (leaves.empty()) return;
  brancher.bound(leaves, options_.leaf);
  for (Domain& leaf : leaves) {
    if (end_ == End::violated) return;
    decide(brancher, std::move(leaf));
  }
}

void SearchState::decide(const Brancher& brancher, Domain domain) {
  SecondLook::Answer answer = second_look_.decide(domain);
  if (answer.end == SecondLook::End::refuted) {
    if (!options_.for_proof) return note_closed(answer.bound);
    Leaf leaf = brancher.leaf_of(domain);
    leaf.multipliers = std::move(answer.multipliers);
    leaf.weights = std::move(answer.weights);
    return note_closed(answer.bound, {std::move(leaf)});
  }
  if (answer.end == SecondLook::End::shown) {
    end_ = End::violated;
    return;
  }
  if (!may_continue_()) end_with(End::out_of_time);
  const std::lock_guard lock(mutex_);
  why_ = std::max(why_, answer.end);
  stuck_.push_back(std::move(domain));
}

void SearchState::note_closed(double bound, Leaves leaves) {
  const std::lock_guard lock(mutex_);
  closed_bound_ = std::min(closed_bound_, bound);
  std::ranges::move(leaves, std::back_inserter(closed_));
}

void SearchState::end_with(End end) {
  End none = End::proven;
  end_.compare_exchange_strong(none, end);
}

SearchState::End SearchState::why_stop(const std::function<double()>& worst) {
  if (end_ != End::proven) return end_;
  if (!may_continue_()) return End::out_of_time;
  if (options_.most_domains == 0) return End::proven;
  if (domains_ >= options_.most_domains / 2) note_half(worst());
  const bool at_end = domains_ >= options_.most_domains && !is_near(worst);
  return at_end || is_hopeless(worst) ? End::given_up : End::proven;
}

void SearchState::note_half(double worst) {
  double unknown = -HUGE_VAL;
  half_bound_.compare_exchange_strong(unknown, worst);
}

/// With all of its domains used: when the worst bound, growing as it did over the last doubling, needs no more than two
/// others.
bool SearchState::is_near(const std::function<double()>& worst) const {
  constexpr int kFactor = 4;
  if (domains_ >= kFactor * options_.most_domains) return false;
  const double now = worst();
  return now + 2 * (now - half_bound_) > 0;
}

/// After an eighth of its domains: when the worst bound, growing with every doubling as it did so far, would need more
/// than eight times what is left.
bool SearchState::is_hopeless(const std::function<double()>& worst) const {
  constexpr double kDoublings = 6;
  const auto domains = static_cast<double>(domains_);
  if (domains_ < options_.most_domains / 8) return false;
  const double now = worst();
  const double a_doubling = (now - first_bound_) / std::log2(domains);
  return !(now + kDoublings * a_doubling > 0);
}

SearchResult SearchState::result(double worst, Domains open) {
  SearchResult result;
  result.domains = domains_;
  result.bound = std::min(worst, closed_bound_);
  for (const Domain& d : stuck_) result.bound = std::min(result.bound, d.bound);
  result.end = end_ == End::proven && !stuck_.empty() ? End::stuck : end_.load();
  result.stuck = std::move(stuck_);
  result.why = why_;
  result.closed_bound = closed_bound_;
  result.closed = std::move(closed_);
  if (options_.for_proof) result.sloped = brancher().sloped();
  result.open = std::move(open);
  result.case_of = std::move(case_of_);
  return result;
}

}  // namespace espalier::crown
