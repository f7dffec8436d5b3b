// SPDX-License-Identifier: Apache-2.0
#include "solve.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include <espalier/error.hpp>

#include "team.hpp"

namespace espalier::crown {
namespace {

using End = SearchResult::End;

/// A part of the box that is still open for one case.
struct Part {
  Phases phases;
  std::size_t case_index = 0;
  double bound = 0;  ///< what is certified of it so far
  std::shared_ptr<const Root> outer;
};

/// The open parts, the most specific first so that there are few; workers wait while others may bring more.
class Parts {
 public:
  void put(std::vector<Part> parts) {
    {
      const std::lock_guard lock(mutex_);
      for (Part& p : parts) open_.push_back(std::move(p));
    }
    changed_.notify_all();
  }
  std::optional<Part> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !open_.empty() || busy_ == 0; });
    if (stopped_ || open_.empty()) return std::nullopt;
    Part part = std::move(open_.back());
    open_.pop_back();
    ++busy_;
    return part;
  }
  void done() {
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
  /// The least that is certified of the parts nobody took.
  double worst() const {
    const std::lock_guard lock(mutex_);
    double worst = HUGE_VAL;
    for (const Part& part : open_) worst = std::min(worst, part.bound);
    return worst;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Part> open_;
  int busy_ = 0;
  bool stopped_ = false;
};

/// The phases that the first `depth` splits of an open domain gave.
Phases prefix_of(const Domain& domain, std::size_t known, std::size_t depth, const Program& program) {
  Phases phases;
  for (std::size_t i = known; i < std::min(known + depth, domain.literals.size()); ++i) {
    phases.push_back({program.id(domain.literals[i].neuron), domain.literals[i].sign});
  }
  return phases;
}

/// Cuts what a search left open into a few parts, along the tree that it built.
std::vector<Part> parts_of(const SearchResult& result, const std::shared_ptr<const Root>& root, const Phases& phases,
                           std::span<const std::size_t> case_names) {
  constexpr std::size_t kMost = 8;
  const std::size_t known = root->lines.literals.size();
  std::vector<Part> parts;
  for (std::size_t depth = 1;; ++depth) {
    std::vector<Part> finer;
    for (const Domain& d : result.open) {
      Part part{prefix_of(d, known, depth, root->program), case_names[result.case_of[d.goal]], result.bound, root};
      const bool seen = std::any_of(finer.begin(), finer.end(), [&](const Part& other) {
        return other.case_index == part.case_index && other.phases == part.phases;
      });
      if (!seen) finer.push_back(std::move(part));
      if (!parts.empty() && finer.size() > kMost) break;
    }
    if (!parts.empty() && (finer.size() > kMost || depth > 16)) break;
    parts = std::move(finer);
  }
  for (Part& p : parts) p.phases.insert(p.phases.begin(), phases.begin(), phases.end());
  return parts;
}

/// Domains that a device bounds in the time in which the own kernels bound one.
constexpr std::int64_t kDeviceSpeed = 50;

class Solver {
 public:
  Solver(const abstract::Graph& graph, const abstract::Box& box, std::span<const Case> cases,
         const SolveOptions& options, const TryPoint& try_point, const MayContinue& may_continue)
      : graph_(graph),
        box_(box),
        cases_(cases),
        options_(options),
        try_point_(try_point),
        may_continue_(may_continue) {}

  Outcome run() {
    const std::optional<Root> coarse = root({}, nullptr, {.effort = {.iterations = 0}, .threads = options_.threads});
    if (!options_.only_quick && attack(*coarse, {.restarts = 2, .steps = 20})) return finish(End::violated);
    std::shared_ptr<const Root>& fine = whole_;
    RootOptions how{.threads = options_.threads};
    if (options_.only_quick) how.effort.iterations = 4;
    std::vector<std::size_t> open(cases_.size());
    for (std::size_t c = 0; c < open.size(); ++c) open[c] = c;
    if (!options_.only_quick) {
      // One evaluation a neuron costs a fraction of what the next root does, and is enough for what is easy.
      fine = shared(root({}, &*coarse, {.effort = {.iterations = 1}, .threads = options_.threads}));
      const SearchResult at_once = search_in(*fine, open, 1, options_.threads);
      if (at_once.end != End::given_up) return finish(at_once.end, at_once.bound);
    }
    fine = shared(root({}, fine != nullptr ? fine.get() : &*coarse, how));
    if (!options_.only_quick && attack(*fine, {.restarts = 16, .steps = 60})) return finish(End::violated);

    SearchResult result = quick_search(*fine, open);
    if (options_.only_quick) return finish(result.end, result.bound);
    for (const int rounds : options_.rounds) {
      if (result.end != End::given_up) return finish(result.end, result.bound);
      open = open_cases(result, open);
      if (attack_longer(*fine, rounds * options_.restarts_a_round)) return finish(End::violated);
      Refinement refinement;
      refinement.rounds = rounds;
      fine = shared(
          root({}, fine.get(), {.effort = {.iterations = 4}, .refinement = refinement, .threads = options_.threads}));
      result = search_in(*fine, open, budget(options_.part_domains), options_.threads);
    }
    if (result.end != End::given_up) return finish(result.end, result.bound);
    if (!result.stuck.empty()) end_with(End::stuck, result.bound);
    return by_parts(split(result, fine, {}, open));
  }

 private:
  /// With refinement, for a quarter of what is left of the time at most.
  std::optional<Root> root(const Phases& phases, const Root* outer, RootOptions options) {
    const double begin = options_.used();
    const double end = options.refinement.rounds > 0 ? begin + (1 - begin) / 4 : 1;
    const MayContinue in_share = [&] { return may_continue_() && !(options_.used() > end); };
    options.proof = options_.proof;
    return make_root(graph_, box_, phases, outer, options, in_share);
  }

  /// The parts that a search leaves; what it closed belongs to the proof of the cases that it leaves open, too.
  std::vector<Part> split(const SearchResult& result, const std::shared_ptr<const Root>& root, const Phases& phases,
                          std::span<const std::size_t> which) {
    if (options_.proof != nullptr) {
      const std::vector<std::size_t> open = open_cases(result, which);
      record(result, *root, which, [&](std::size_t c) { return std::ranges::count(open, c) > 0; });
    }
    return parts_of(result, root, phases, which);
  }

  void record(const SearchResult& result, const Root& root, std::span<const std::size_t> which,
              const std::function<bool(std::size_t)>& is_wanted) {
    const std::int64_t sloped = options_.proof->sloped(root.program, result.sloped);
    for (std::size_t i = 0; i < which.size(); ++i) {
      if (!is_wanted(which[i])) continue;
      Leaves leaves;
      std::ranges::copy_if(result.closed, std::back_inserter(leaves),
                           [&](const Leaf& leaf) { return result.case_of[leaf.goal] == i; });
      const auto first = static_cast<std::size_t>(std::ranges::find(result.case_of, i) - result.case_of.begin());
      options_.proof->refuted(root.scope, static_cast<std::int64_t>(which[i]), first, root.program, sloped, leaves);
    }
  }
  static std::shared_ptr<const Root> shared(std::optional<Root> root) {
    if (!root) throw Error(Code::internal, "two certified bounds of one neuron exclude each other");
    return std::make_shared<const Root>(*std::move(root));
  }

  bool attack(const Root& root, AttackOptions how) {
    how.threads = options_.threads;
    return falsify(root.program, cases_, how, try_point_, may_continue_);
  }

  /// From other points, for a tenth of what is left of the time at most: what a search does not decide may have a
  /// counterexample that is hard to find.
  bool attack_longer(const Root& root, int restarts) {
    const double begin = options_.used();
    const double end = begin + (1 - begin) / 10;
    const MayContinue in_share = [&] { return may_continue_() && !(options_.used() > end); };
    const AttackOptions how{.restarts = restarts, .steps = 60, .seed = 2, .threads = options_.threads};
    return falsify(root.program, cases_, how, try_point_, in_share);
  }

  /// On a device that nobody asked for only what the own kernels do not decide at once: it takes seconds to be there.
  SearchResult quick_search(const Root& root, std::vector<std::size_t>& open) {
    if (!options_.device.is_optional()) {
      maker_ = options_.proof == nullptr ? options_.device.maker() : nullptr;
      return search_in(root, open, budget(options_.quick_domains), options_.threads);
    }
    SearchResult result = search_in(root, open, options_.quick_domains, options_.threads);
    if (result.end != End::given_up || options_.only_quick || options_.proof != nullptr) return result;
    maker_ = options_.device.maker();
    if (maker_ == nullptr) return result;
    open = open_cases(result, open);
    return search_in(root, open, budget(options_.quick_domains), options_.threads);
  }

  std::int64_t budget(std::int64_t domains) const { return maker_ != nullptr ? kDeviceSpeed * domains : domains; }

  SearchResult search_in(const Root& root, std::span<const std::size_t> which, std::int64_t most, int threads) {
    std::vector<Case> cases;
    for (const std::size_t c : which) cases.push_back(cases_[c]);
    SearchOptions how = options_.search;
    how.threads = threads;
    how.most_domains = most;
    how.device = maker_;
    how.memory /= static_cast<std::size_t>(options_.threads / threads);  // searches of one thread run side by side
    const TryPoint named = [&](std::size_t c, std::span<const float> point) { return try_point_(which[c], point); };
    InputTrial trial;
    if (const InputTrial* given = options_.search.trial; given != nullptr) {
      trial = {given->box,
               [given, which](std::size_t c, std::span<const double> x) { return given->look(which[c], x); },
               given->reals, given->numbers};
      how.trial = &trial;
    }
    how.for_proof = options_.proof != nullptr;
    SearchResult result = search(root, cases, how, named, may_continue_);
    if (result.device_full) maker_ = nullptr;  // for good: it would be full again
    if (options_.proof != nullptr) {
      const std::vector<std::size_t> open = open_cases(result, which);
      record(result, root, which, [&](std::size_t c) { return std::ranges::count(open, c) == 0; });
    }
    domains_ += result.domains;
    note_bound(result.closed_bound);  // cases that this search has proven are not asked again
    note_why(result.why);
    return result;
  }

  static std::vector<std::size_t> open_cases(const SearchResult& result, std::span<const std::size_t> names) {
    std::set<std::size_t> open;
    for (const Domain& d : result.open) open.insert(names[result.case_of[d.goal]]);
    for (const Domain& d : result.stuck) open.insert(names[result.case_of[d.goal]]);
    return {open.begin(), open.end()};
  }

  Outcome finish(End end, double bound = -HUGE_VAL) const {
    return {.end = end,
            .bound = std::min(bound, bound_.load()),
            .domains = domains_,
            .parts = parts_,
            .root = whole_,
            .why = why_};
  }

  Outcome by_parts(std::vector<Part> first) {
    queue_.put(std::move(first));
    // Parts share the threads, but one at a time has the device.
    parts_at_once_ = maker_ != nullptr ? 1 : options_.threads;
    in_parallel(parts_at_once_, [&](int) {
      try {
        work_on_all();
      } catch (...) {
        queue_.stop();  // the others would wait for what this one has taken
        throw;
      }
    });
    return finish(end_, queue_.worst());
  }

  void work_on_all() {
    while (std::optional<Part> part = queue_.take()) {
      work_on(*part);
      queue_.done();
      if (end_ == End::violated || end_ == End::out_of_time) queue_.stop();
    }
  }

  void work_on(const Part& part) {
    if (!may_continue_()) return end_with(End::out_of_time, part.bound);
    ++parts_;
    const int threads = options_.threads / parts_at_once_;
    Refinement refinement;
    refinement.rounds = options_.part_rounds;
    std::optional<Root> inner = root(part.phases, part.outer.get(),
                                     {.effort = {.iterations = 4},
                                      .refinement = refinement,
                                      .threads = threads,
                                      .case_index = static_cast<std::int64_t>(part.case_index)});
    if (!inner) return;
    const auto kept = std::make_shared<const Root>(*std::move(inner));
    const std::vector<std::size_t> which{part.case_index};
    const SearchResult result = search_in(*kept, which, budget(options_.part_domains), threads);
    if (result.end == End::proven) return note_bound(result.bound);
    if (result.end != End::given_up) return end_with(result.end, result.bound);
    if (!result.stuck.empty()) end_with(End::stuck, result.bound);
    queue_.put(split(result, kept, part.phases, which));
  }

  void note_why(SecondLook::End why) {
    const std::lock_guard lock(mutex_);
    why_ = std::max(why_, why);
  }

  void note_bound(double bound) {
    const std::lock_guard lock(mutex_);
    bound_ = std::min(bound_.load(), bound);
  }

  /// A violation ends everything; without one, no time left outweighs leaves that could not be closed.
  void end_with(End end, double bound) {
    note_bound(bound);
    const std::lock_guard lock(mutex_);
    if (end_ == End::violated) return;
    if (end == End::violated || end_ == End::proven || end == End::out_of_time) end_ = end;
  }

  const abstract::Graph& graph_;
  const abstract::Box& box_;
  std::span<const Case> cases_;
  const SolveOptions& options_;
  const TryPoint& try_point_;
  const MayContinue& may_continue_;
  const DeviceMaker* maker_ = nullptr;  ///< while searches run on a device
  int parts_at_once_ = 1;
  std::shared_ptr<const Root> whole_;
  Parts queue_;
  std::mutex mutex_;
  std::atomic<End> end_{End::proven};
  std::atomic<double> bound_{HUGE_VAL};
  std::atomic<std::int64_t> domains_{0};
  std::atomic<std::int64_t> parts_{0};
  SecondLook::End why_ = SecondLook::End::refuted;
};

}  // namespace

Outcome solve(const abstract::Graph& graph, const abstract::Box& box, std::span<const Case> cases,
              const SolveOptions& options, const TryPoint& try_point, const MayContinue& may_continue) {
  return Solver(graph, box, cases, options, try_point, may_continue).run();
}

}  // namespace espalier::crown
