// SPDX-License-Identifier: Apache-2.0
#include "run/ledger.hpp"

#include <utility>

#include <fmt/format.h>

#include <espalier/network.hpp>

#include "run/failure.hpp"
#include "run/result.hpp"

namespace espalier::run {

Ledger::Ledger(const RunSetup& setup, Board& board)
    : setup_(setup), board_(board), outcomes_(setup.plan.nodes().size()) {
  for (int node = 0; node < static_cast<int>(outcomes_.size()); ++node) {
    if (board.was_hit(node)) outcomes_[static_cast<std::size_t>(node)] = Hit{*board.key(node)};
  }
}

bool Ledger::halted() const {
  return setup_.stop.stop_requested() || (setup_.options.fail_fast && something_failed_);
}

/// Skipped, when a node above failed; the first in the plan's order is named as the root. Needs: the lock.
std::optional<Outcome> Ledger::outcome_from_above(int node) const {
  std::optional<int> root;
  bool stopped = false;
  auto take = [&](int candidate) { root = std::min(root.value_or(candidate), candidate); };
  for (const int p : setup_.plan.predecessors(node)) {
    const Outcome& above = *outcomes_[static_cast<std::size_t>(p)];
    if (std::holds_alternative<Failed>(above)) take(p);
    if (const Skipped* skipped = std::get_if<Skipped>(&above)) take(skipped->because);
    stopped = stopped || std::holds_alternative<Stopped>(above);
  }
  if (root) return Skipped{*root};
  if (stopped || halted()) return Stopped{};
  return std::nullopt;
}

Ledger::Ready Ledger::becomes_ready(int node) noexcept {
  Ready ready;
  {
    const std::scoped_lock hold(mutex_);
    if (auto outcome = outcome_from_above(node)) {
      settle(node, std::move(*outcome), {});
      ready.settled = {node};
      return ready;
    }
  }
  try {
    const Digest key = board_.compute_key(node).key;
    if (!claim(node, key, ready)) return ready;
    std::optional<std::vector<Digest>> contents;  // what was looked up at the start is not looked up again
    if (!board_.was_missing(node)) contents = find_result(setup_.plan, node, key, setup_.store, setup_.options);
    for (const cache::Store::Problem& problem : setup_.store.take_found_damaged()) {
      setup_.observer.warned(fmt::format("{}; what made it runs again", problem.text));
    }
    if (contents) {
      ready.settled = finish(node, {.outcome = Hit{key}, .contents = std::move(*contents)});
    } else {
      ready.must_run = true;
    }
  } catch (...) {
    NodeLog log(setup_, node);
    ready.settled = finish(node, {.outcome = caught_failure(setup_.stop, log)});
  }
  return ready;
}

/// Whether the node is the one that sees to its key. Nodes that the user wants to run again do not share.
bool Ledger::claim(int node, const Digest& key, Ready& ready) {
  if (is_forced(setup_.options, node)) return true;
  const std::scoped_lock hold(mutex_);
  const auto [it, is_first] = claims_.try_emplace(key, Claim{.owner = node});
  if (is_first) return true;
  if (it->second.done) {
    settle_like(it->second.owner, node);
    ready.settled = {node};
  } else {
    it->second.waiting.push_back(node);
  }
  return false;
}

bool Ledger::begin(int node) {
  {
    const std::scoped_lock hold(mutex_);
    if (halted()) return false;
  }
  setup_.observer.node_started(node);
  return true;
}

std::vector<int> Ledger::finish(int node, NodeRunner::Result result) {
  std::vector<int> settled{node};
  const std::scoped_lock hold(mutex_);
  if (result.verdict_errors > 0) verdict_errors_[node] = result.verdict_errors;
  settle(node, std::move(result.outcome), std::move(result.contents));
  const auto& key = board_.key(node);
  const auto claim = key ? claims_.find(*key) : claims_.end();
  if (claim == claims_.end() || claim->second.owner != node) return settled;
  claim->second.done = true;
  for (const int waiting : std::exchange(claim->second.waiting, {})) {
    settle_like(node, waiting);
    settled.push_back(waiting);
  }
  return settled;
}

/// Needs: the lock.
void Ledger::settle(int node, Outcome outcome, std::vector<Digest> contents) {
  something_failed_ = something_failed_ || std::holds_alternative<Failed>(outcome);
  board_.set_contents(node, std::move(contents));
  setup_.observer.node_finished(node, outcome);
  outcomes_[static_cast<std::size_t>(node)] = std::move(outcome);
}

/// Needs: the lock.
void Ledger::settle_like(int owner, int node) {
  const Outcome& outcome = *outcomes_[static_cast<std::size_t>(owner)];
  const Ran* ran = std::get_if<Ran>(&outcome);
  settle(node, ran != nullptr ? Outcome(Hit{ran->key}) : outcome, board_.contents(owner));
}

RunReport Ledger::report() const {
  const std::scoped_lock hold(mutex_);
  RunReport report{.outcomes = outcomes_,
                   .keys = board_.all_keys(),
                   .contents = board_.all_contents(),
                   .verdict_errors = verdict_errors_};
  for (const auto& outcome : outcomes_) {
    if (!outcome) continue;
    std::visit(Overloaded{[&](const Hit&) { ++report.hit; }, [&](const Ran&) { ++report.ran; },
                          [&](const Failed&) { ++report.failed; }, [&](const Skipped&) { ++report.skipped; },
                          [&](const Stopped&) { ++report.stopped; }},
               *outcome);
  }
  report.interrupted = report.stopped > 0 && setup_.stop.stop_requested();
  return report;
}

}  // namespace espalier::run
