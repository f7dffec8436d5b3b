// SPDX-License-Identifier: Apache-2.0
#include "brancher.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "normal_float.hpp"

namespace espalier::crown {

Brancher::Brancher(const Program& program, const Lines& lines, int place, std::span<const Goal> goals,
                   const BranchOptions& options, OnCandidate on_candidate)
    : program_(program),
      lines_(lines),
      place_(place),
      goals_(goals),
      options_(options),
      on_candidate_(std::move(on_candidate)),
      bounder_(program, options.for_proof ? kProofMargin : 1) {
  options_.candidates = std::min(options_.candidates, Domain::kMostCandidates);
  for (int v = 1; v < place; ++v) {
    const Value& value = program.value(v);
    for (int i = 0; value.relu && i < value.size; ++i) {
      const int neuron = value.neurons + i;
      const Range& range = program.ranges()[static_cast<std::size_t>(neuron)];
      if (range.unstable() && range.split == 0) places_.push_back({neuron, v, i});
    }
  }
}

Domain Brancher::root(std::size_t goal) const {
  Domain root;
  root.goal = goal;
  for (const float low : lines_.low) root.slopes.push_back(Domain::packed(low));
  root.literals = lines_.literals;
  root.multipliers.assign(root.literals.size(), 0);
  return root;
}

float* Brancher::new_group() {
  bounder_.reset(lines_);
  return bounder_.objective(place_);
}

void Brancher::load(int lane, const Domain& domain, float* objective) {
  const std::vector<double>& factors = goals_[domain.goal].factors;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    objective[i * kLanes + static_cast<std::size_t>(lane)] = normal_float(factors[i]);
  }
  for (const Place& p : places_) {
    bounder_.set_low(lane, p.neuron, Domain::unpacked(domain.slopes[static_cast<std::size_t>(p.neuron)]));
  }
  for (std::size_t i = 0; i < domain.literals.size(); ++i) {
    bounder_.split(lane, domain.literals[i].neuron, domain.literals[i].sign, domain.multipliers[i]);
  }
}

Domains Brancher::branch(std::span<const Domain> parents) {
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
      // What is above 0 is closed and cannot get better.
      const double a = std::min(trials[t].bound, 0.0);
      const double b = std::min(trials[t + 1].bound, 0.0);
      const double score = a + b + 0.1 * std::max(a, b);
      if (score > best_score) {
        best = t;
        best_score = score;
      }
    }
    domains_ += 2;
    for (const std::size_t side : {best, best + 1}) {
      const bool closed = trials[side].bound > 0;
      if (closed) closed_bound_ = std::min(closed_bound_, trials[side].bound);
      if (closed && !options_.for_proof) continue;
      Domain child = parents[p];
      const int neuron = parents[p].candidates[static_cast<std::size_t>(trials[side].candidate)];
      for (const int split : split_with(neuron)) child.literals.push_back({split, trials[side].sign});
      child.multipliers.resize(child.literals.size(), 0);
      if (closed) {
        closed_.push_back(leaf_of(child));
      } else {
        children.push_back(std::move(child));
      }
    }
  }
  return children;
}

/// A neuron with its twins; in a proof, halves are told by one neuron each.
std::span<const int> Brancher::split_with(int neuron) const {
  return options_.for_proof ? program_.twins().alone(neuron) : program_.twins().of(neuron);
}

void Brancher::try_group(std::span<const Domain> parents, std::span<Trial> trials) {
  float* objective = new_group();
  std::array<double, kLanes> thresholds{};
  for (std::size_t l = 0; l < trials.size(); ++l) {
    const Domain& parent = parents[trials[l].parent];
    load(static_cast<int>(l), parent, objective);
    const int neuron = parent.candidates[static_cast<std::size_t>(trials[l].candidate)];
    for (const int split : split_with(neuron)) bounder_.split(static_cast<int>(l), split, trials[l].sign, 0);
  }
  bounder_.run(place_, static_cast<int>(trials.size()), {.iterations = 1}, thresholds);
  for (std::size_t l = 0; l < trials.size(); ++l) {
    trials[l].bound = bounder_.bound(static_cast<int>(l)) - goals_[parents[trials[l].parent].goal].float_threshold();
  }
}

void Brancher::bound(Domains& domains, const Effort& effort) {
  Domains open;
  for (std::size_t begin = 0; begin < domains.size(); begin += kLanes) {
    bound_group(std::span(domains).subspan(begin, std::min<std::size_t>(kLanes, domains.size() - begin)), effort, open);
  }
  domains = std::move(open);
}

void Brancher::bound_group(std::span<Domain> domains, const Effort& effort, Domains& open) {
  float* objective = new_group();
  std::array<double, kLanes> thresholds{};
  std::array<std::size_t, kLanes> goals{};
  for (std::size_t l = 0; l < domains.size(); ++l) {
    load(static_cast<int>(l), domains[l], objective);
    goals[l] = domains[l].goal;
    thresholds[l] = goals_[goals[l]].float_threshold();
  }
  bounder_.run(place_, static_cast<int>(domains.size()), effort, thresholds);
  bounder_.relax(place_);
  for (std::size_t l = 0; l < domains.size(); ++l) {
    Domain& d = domains[l];
    const double bound = bounder_.bound(static_cast<int>(l)) - thresholds[l];
    if (!(bound < d.bound)) d.loss = bounder_.loss(static_cast<int>(l));
    // What a larger part is known to exceed is not shown by what is kept of this one.
    d.bound = options_.for_proof ? bound : std::max(d.bound, bound);
    d.narrow = d.bound + static_cast<double>(d.loss) <= 0 ? 0 : d.narrow + 1;
    if (d.bound > 0) {
      closed_bound_ = std::min(closed_bound_, d.bound);
      if (options_.for_proof) keep_closed(static_cast<int>(l), d);
      continue;
    }
    remember(static_cast<int>(l), d);
    choose_candidates(static_cast<int>(l), d);
    open.push_back(std::move(d));
  }
  if (on_candidate_) report_candidates(domains, goals);
}

void Brancher::remember(int lane, Domain& d) const {
  for (const Place& p : places_) {
    d.slopes[static_cast<std::size_t>(p.neuron)] = Domain::packed(bounder_.low(lane, p.neuron));
  }
  for (std::size_t i = 0; i < d.literals.size(); ++i) d.multipliers[i] = bounder_.beta(lane, d.literals[i].neuron);
}

void Brancher::keep_closed(int lane, const Domain& d) {
  Leaf& leaf = closed_.emplace_back(Leaf{.goal = d.goal, .literals = d.literals});
  for (const Literal& literal : d.literals) leaf.multipliers.push_back(bounder_.used_beta(lane, literal.neuron));
  for (const Place& p : places_) leaf.slopes.push_back(bounder_.low(lane, p.neuron));
}

Leaf Brancher::leaf_of(const Domain& d) const {
  Leaf leaf{.goal = d.goal, .literals = d.literals, .multipliers = {d.multipliers.begin(), d.multipliers.end()}};
  for (const Place& p : places_) {
    leaf.slopes.push_back(Domain::unpacked(d.slopes[static_cast<std::size_t>(p.neuron)]));
  }
  return leaf;
}

std::vector<int> Brancher::sloped() const {
  std::vector<int> neurons;
  for (const Place& p : places_) neurons.push_back(p.neuron);
  return neurons;
}

/// The unstable neurons whose relaxation costs most at this bound: the offset each contributes, and the gap between the
/// relaxed network and the real one where the bound is attained.
void Brancher::choose_candidates(int lane, Domain& d) const {
  using Scored = std::pair<float, int>;
  std::array<Scored, Domain::kMostCandidates> best{};
  int count = 0;
  for (const Place& p : places_) {
    const std::span<const int> twins = split_with(p.neuron);
    if (twins.front() != p.neuron || bounder_.is_split(lane, p.neuron)) continue;
    const float a = bounder_.coefficient(lane, p.value, p.element);
    const float z = bounder_.relaxed_input(lane, p.value, p.element);
    const float y = bounder_.relaxed_output(lane, p.value, p.element);
    const float chord = std::max(-a, 0.0F) * bounder_.offset(lane, p.neuron);
    const float gap = std::abs(a) * std::abs(y - std::max(z, 0.0F));
    const float score = static_cast<float>(twins.size()) * (options_.gap_weight * gap + chord);
    if (count == options_.candidates && !(score > best[static_cast<std::size_t>(count - 1)].first)) continue;
    if (count < options_.candidates) ++count;
    int at = count - 1;
    for (; at > 0 && best[static_cast<std::size_t>(at - 1)].first < score; --at) {
      best[static_cast<std::size_t>(at)] = best[static_cast<std::size_t>(at - 1)];
    }
    best[static_cast<std::size_t>(at)] = {score, p.neuron};
  }
  d.candidate_count = count;
  for (int i = 0; i < count; ++i) d.candidates[static_cast<std::size_t>(i)] = best[static_cast<std::size_t>(i)].second;
}

void Brancher::report_candidates(std::span<const Domain> domains, std::span<const std::size_t> goals) {
  const float* outputs = bounder_.evaluate();
  std::vector<float> point(static_cast<std::size_t>(program_.value(0).size));
  for (std::size_t l = 0; l < domains.size(); ++l) {
    const Goal& goal = goals_[goals[l]];
    double value = -goal.threshold;
    for (std::size_t i = 0; i < goal.factors.size(); ++i) {
      value += goal.factors[i] * static_cast<double>(outputs[i * kLanes + l]);
    }
    if (!(value <= 0)) continue;
    for (std::size_t i = 0; i < point.size(); ++i) point[i] = bounder_.minimisers()[i * kLanes + l];
    on_candidate_(goals[l], point);
  }
}

}  // namespace espalier::crown
