// SPDX-License-Identifier: Apache-2.0
#include "search.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "team.hpp"

namespace espalier::crown {
namespace {

constexpr int kMostCandidates = 8;

struct Literal {
  std::int32_t neuron;
  std::int32_t sign;
};

/// A part of the box in which some neurons have a known phase, and what its bound was found with.
struct Domain {
  std::size_t goal = 0;
  double bound = -HUGE_VAL;  ///< minus the threshold
  std::vector<Literal> literals;
  std::vector<float> multipliers;     ///< of the literals
  std::vector<std::uint16_t> slopes;  ///< of all neurons, in units of 1 / 65535: any slope in [0, 1] is sound
  std::array<std::int32_t, kMostCandidates> candidates{};
  int candidate_count = 0;
};
using Domains = std::vector<Domain>;

std::uint16_t packed(float slope) {
  return static_cast<std::uint16_t>(std::lround(slope * 65535.0F));
}
float unpacked(std::uint16_t slope) {
  return static_cast<float>(slope) / 65535.0F;
}

/// The open domains of all workers.
class Frontier {
 public:
  explicit Frontier(std::size_t most_open) : most_open_(most_open) {}

  /// Waits for domains while other workers may still bring some; empty when all is done or stopped.
  Domains take(std::size_t most) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !open_.empty() || busy_ == 0; });
    Domains taken;
    if (stopped_) return taken;
    for (std::size_t i = 0; i < most && !open_.empty(); ++i) {
      const auto which = open_.size() > most_open_ ? std::prev(open_.end()) : open_.begin();
      taken.push_back(std::move(which->second));
      open_.erase(which);
    }
    if (!taken.empty()) ++busy_;
    return taken;
  }

  void give(Domains domains, bool was_taken) {
    {
      const std::lock_guard lock(mutex_);
      for (Domain& d : domains) open_.emplace(d.bound, std::move(d));
      if (was_taken) --busy_;
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
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<double, Domain> open_;
  std::size_t most_open_;
  int busy_ = 0;
  bool stopped_ = false;
};

/// What all workers share.
struct Shared {
  const Root& root;
  std::span<const Goal> goals;
  const SearchOptions& options;
  const TryPoint& try_point;
  const MayContinue& may_continue;
  Frontier frontier;
  std::atomic<std::int64_t> domains{0};
  std::atomic<bool> violated{false};
  std::atomic<bool> out_of_time{false};
  std::mutex mutex;
  std::vector<std::vector<std::pair<int, int>>> stuck;
  double stuck_bound = HUGE_VAL;
};

class Worker {
 public:
  explicit Worker(Shared& shared)
      : shared_(shared), program_(shared.root.program), bounder_(program_), output_(program_.output()) {
    for (int v = 1; v < program_.values(); ++v) {
      if (!program_.value(v).relu) continue;
      for (int i = 0; i < program_.value(v).size; ++i) {
        if (program_.ranges()[static_cast<std::size_t>(program_.value(v).neurons + i)].unstable()) {
          places_.push_back({program_.value(v).neurons + i, v, i});
        }
      }
    }
  }

  /// The roots of all trees.
  void plant() {
    Domains roots;
    for (std::size_t g = 0; g < shared_.goals.size(); ++g) {
      Domain& root = roots.emplace_back();
      root.goal = g;
      for (const float low : shared_.root.lines.low) root.slopes.push_back(packed(low));
    }
    bound(roots, {.iterations = 40, .alpha_rate = 0.3F, .beta_rate = 0.1F, .decay = 0.97F});
    shared_.frontier.give(std::move(roots), false);
  }

  void work() {
    const auto most = static_cast<std::size_t>(kLanes);
    while (true) {
      Domains parents = shared_.frontier.take(most);
      if (parents.empty()) return;
      if (!shared_.may_continue()) {
        shared_.out_of_time = true;
        shared_.frontier.give(std::move(parents), true);
        shared_.frontier.stop();
        return;
      }
      Domains children = branch(parents);
      bound(children, shared_.options.effort);
      shared_.frontier.give(std::move(children), true);
      if (shared_.violated) return shared_.frontier.stop();
    }
  }

 private:
  struct Place {
    int neuron;
    int value;
    int element;
  };
  struct Trial {
    std::size_t parent;
    int candidate;
    int sign;
    double bound;
  };

  void load(int lane, const Domain& domain) {
    for (const Place& p : places_) {
      bounder_.set_low(lane, p.neuron, unpacked(domain.slopes[static_cast<std::size_t>(p.neuron)]));
    }
    for (std::size_t i = 0; i < domain.literals.size(); ++i) {
      bounder_.split(lane, domain.literals[i].neuron, domain.literals[i].sign, domain.multipliers[i]);
    }
  }

  float* new_group() {
    bounder_.reset(shared_.root.lines);
    return bounder_.objective(output_);
  }
  void set_objective(float* objective, int lane, std::size_t goal) {
    const std::vector<float>& factors = shared_.goals[goal].factors;
    for (std::size_t i = 0; i < factors.size(); ++i)
      objective[i * kLanes + static_cast<std::size_t>(lane)] = factors[i];
  }

  /// Tries the candidates of every parent with one evaluation of both children each, and splits the best (filtered
  /// smart branching, De Palma et al. 2021).
  Domains branch(const Domains& parents) {
    std::vector<Trial> trials;
    for (std::size_t p = 0; p < parents.size(); ++p) {
      for (int c = 0; c < parents[p].candidate_count; ++c) {
        trials.push_back({p, c, 1, 0});
        trials.push_back({p, c, -1, 0});
      }
    }
    for (std::size_t begin = 0; begin < trials.size(); begin += kLanes) {
      try_group(parents, std::span(trials).subspan(begin, std::min<std::size_t>(kLanes, trials.size() - begin)));
    }
    Domains children;
    for (std::size_t t = 0; t < trials.size();) {
      const std::size_t p = trials[t].parent;
      std::size_t best = t;
      double best_score = -HUGE_VAL;
      for (; t < trials.size() && trials[t].parent == p; t += 2) {
        const double worse = std::min(trials[t].bound, trials[t + 1].bound);
        const double score =
            std::min(trials[t].bound, 0.0) + std::min(trials[t + 1].bound, 0.0) + 0.1 * std::min(worse, 0.0);
        if (score > best_score) {
          best = t;
          best_score = score;
        }
      }
      for (const std::size_t side : {best, best + 1}) {
        ++shared_.domains;
        if (trials[side].bound > 0) continue;
        Domain& child = children.emplace_back(parents[p]);
        child.literals.push_back(
            {parents[p].candidates[static_cast<std::size_t>(trials[side].candidate)], trials[side].sign});
        child.multipliers.push_back(0);
      }
    }
    return children;
  }

  void try_group(const Domains& parents, std::span<Trial> trials) {
    float* objective = new_group();
    std::array<double, kLanes> thresholds{};
    for (std::size_t l = 0; l < trials.size(); ++l) {
      const Domain& parent = parents[trials[l].parent];
      set_objective(objective, static_cast<int>(l), parent.goal);
      load(static_cast<int>(l), parent);
      bounder_.split(static_cast<int>(l), parent.candidates[static_cast<std::size_t>(trials[l].candidate)],
                     trials[l].sign, 0);
    }
    bounder_.run(output_, static_cast<int>(trials.size()), {.iterations = 1}, thresholds);
    for (std::size_t l = 0; l < trials.size(); ++l) {
      trials[l].bound = bounder_.bound(static_cast<int>(l)) - shared_.goals[parents[trials[l].parent].goal].threshold;
    }
  }

  /// Bounds domains and drops those that are proven; what stays gets its next candidates.
  void bound(Domains& domains, const Effort& effort) {
    Domains open;
    for (std::size_t begin = 0; begin < domains.size() && !shared_.violated; begin += kLanes) {
      bound_group(std::span(domains).subspan(begin, std::min<std::size_t>(kLanes, domains.size() - begin)), effort,
                  open);
    }
    domains = std::move(open);
  }

  void bound_group(std::span<Domain> domains, const Effort& effort, Domains& open) {
    float* objective = new_group();
    std::array<double, kLanes> thresholds{};
    for (std::size_t l = 0; l < domains.size(); ++l) {
      set_objective(objective, static_cast<int>(l), domains[l].goal);
      load(static_cast<int>(l), domains[l]);
      thresholds[l] = shared_.goals[domains[l].goal].threshold;
    }
    const int lanes = static_cast<int>(domains.size());
    bounder_.run(output_, lanes, effort, thresholds);
    bounder_.relax(output_);
    for (std::size_t l = 0; l < domains.size(); ++l) {
      Domain& d = domains[l];
      const int lane = static_cast<int>(l);
      d.bound = std::max(d.bound, bounder_.bound(lane) - thresholds[l]);
      if (d.bound > 0) continue;
      for (const Place& p : places_) {
        d.slopes[static_cast<std::size_t>(p.neuron)] = packed(bounder_.low(lane, p.neuron));
      }
      for (std::size_t i = 0; i < d.literals.size(); ++i) {
        d.multipliers[i] = bounder_.beta(lane, d.literals[i].neuron);
      }
      choose_candidates(lane, d);
      if (d.candidate_count == 0)
        note_stuck(d);
      else
        open.push_back(std::move(d));
    }
    look_for_violation(domains);
  }

  /// The unstable neurons whose relaxation costs most at this bound: by the offset they contribute, and by the gap
  /// between the relaxed network and the real one where the bound is attained.
  void choose_candidates(int lane, Domain& d) {
    using Scored = std::pair<float, int>;
    std::array<Scored, kMostCandidates> best{};
    best.fill({-1.0F, -1});
    int count = 0;
    const int wanted = std::min(shared_.options.candidates, kMostCandidates);
    for (const Place& p : places_) {
      if (bounder_.is_split(lane, p.neuron)) continue;
      const float a = bounder_.coefficient(lane, p.value, p.element);
      const float z = bounder_.relaxed_input(lane, p.value, p.element);
      const float chord = std::max(-a, 0.0F) * bounder_.offset(lane, p.neuron);
      const float y = bounder_.relaxed_output(lane, p.value, p.element);
      const float gap = std::abs(a) * std::abs(y - std::max(z, 0.0F));
      const float score = shared_.options.gap_weight * gap + chord;
      if (count == wanted && !(score > best[static_cast<std::size_t>(count - 1)].first)) continue;
      if (count < wanted) ++count;
      int at = count - 1;
      for (; at > 0 && best[static_cast<std::size_t>(at - 1)].first < score; --at) {
        best[static_cast<std::size_t>(at)] = best[static_cast<std::size_t>(at - 1)];
      }
      best[static_cast<std::size_t>(at)] = {score, p.neuron};
    }
    d.candidate_count = count;
    for (int i = 0; i < count; ++i)
      d.candidates[static_cast<std::size_t>(i)] = best[static_cast<std::size_t>(i)].second;
  }

  void note_stuck(const Domain& d) {
    const std::lock_guard lock(shared_.mutex);
    shared_.stuck_bound = std::min(shared_.stuck_bound, d.bound);
    auto& literals = shared_.stuck.emplace_back();
    for (const Literal& l : d.literals) literals.emplace_back(l.neuron, l.sign);
  }

  void look_for_violation(std::span<const Domain> domains) {
    const float* outputs = bounder_.evaluate();
    const auto n = static_cast<std::size_t>(program_.value(output_).size);
    const auto inputs = static_cast<std::size_t>(program_.value(0).size);
    for (std::size_t l = 0; l < domains.size() && !shared_.violated; ++l) {
      const Goal& goal = shared_.goals[domains[l].goal];
      double value = 0;
      for (std::size_t i = 0; i < n; ++i) value += double{goal.factors[i]} * double{outputs[i * kLanes + l]};
      if (!(value <= goal.threshold)) continue;
      std::vector<float> point(inputs);
      for (std::size_t i = 0; i < inputs; ++i) point[i] = bounder_.minimisers()[i * kLanes + l];
      if (shared_.try_point(domains[l].goal, point)) shared_.violated = true;
    }
  }

  Shared& shared_;
  const Program& program_;
  Bounder bounder_;
  int output_;
  std::vector<Place> places_;
};

}  // namespace

SearchResult search(const Root& root, std::span<const Goal> goals, const SearchOptions& options,
                    const TryPoint& try_point, const MayContinue& may_continue) {
  Shared shared{.root = root,
                .goals = goals,
                .options = options,
                .try_point = try_point,
                .may_continue = may_continue,
                .frontier = Frontier(options.most_open)};
  Worker(shared).plant();
  if (!shared.violated) in_parallel(options.threads, [&](int) { Worker(shared).work(); });
  SearchResult result;
  result.domains = shared.domains;
  result.bound = std::min(shared.frontier.worst(), shared.stuck_bound);
  result.stuck = std::move(shared.stuck);
  using End = SearchResult::End;
  result.end = shared.violated         ? End::violated
               : shared.out_of_time    ? End::out_of_time
               : !result.stuck.empty() ? End::stuck
                                       : End::proven;
  return result;
}

}  // namespace espalier::crown
