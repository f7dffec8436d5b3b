// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "bounder.hpp"
#include "domain.hpp"
#include "goal.hpp"
#include "proof_recorder.hpp"

namespace espalier::crown {

struct BranchOptions {
  int candidates = 5;       ///< neurons tried before one is split
  float gap_weight = 1.0F;  ///< of the relaxation's gap in their choice, against the offset it adds
  bool for_proof = false;   ///< keep what closes domains, and leave whoever checks it a margin for rounding
};

/// Splits domains and bounds what comes out. The goals are linear functions of one value of the program before its
/// ReLU. One thread's.
class Brancher {
 public:
  /// Called with a goal and a point, [inputs], where the goal may fail.
  using OnCandidate = std::function<void(std::size_t goal, std::span<const float> point)>;

  /// Borrows everything. `lines` belong to the program's neurons.
  Brancher(const Program& program, const Lines& lines, int place, std::span<const Goal> goals,
           const BranchOptions& options, OnCandidate on_candidate = {});

  /// A goal on the whole box, not bounded yet.
  Domain root(std::size_t goal) const;
  /// Bounds domains; those above their thresholds are dropped, the others get the candidates of their next split. A
  /// domain without candidates has every neuron fixed.
  void bound(Domains& domains, const Effort& effort);
  /// Tries the candidates of every parent with one evaluation of both children each, and splits the best (filtered
  /// smart branching, De Palma et al. 2021). Children that this proved are dropped; the others are not bounded yet.
  /// Needs: every parent has candidates.
  Domains branch(std::span<const Domain> parents);
  /// Children that were bounded since the beginning.
  std::int64_t domains() const { return domains_; }
  /// The smallest bound, minus its threshold, of a domain that was dropped; infinity when none was.
  double closed_bound() const { return closed_bound_; }

  /// Of a proof: what closed the domains that were dropped since the last call.
  Leaves take_closed() { return std::exchange(closed_, {}); }
  /// What the bound of a domain was found with.
  Leaf leaf_of(const Domain& domain) const;
  /// The neurons that leaves have slopes for.
  std::vector<int> sloped() const;

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

  float* new_group();
  void load(int lane, const Domain& domain, float* objective);
  std::span<const int> split_with(int neuron) const;
  void try_group(std::span<const Domain> parents, std::span<Trial> trials);
  void bound_group(std::span<Domain> domains, const Effort& effort, Domains& open);
  void remember(int lane, Domain& domain) const;
  void keep_closed(int lane, const Domain& domain);
  void choose_candidates(int lane, Domain& domain) const;
  void report_candidates(std::span<const Domain> domains, std::span<const std::size_t> goals);

  const Program& program_;
  const Lines& lines_;
  int place_;
  std::span<const Goal> goals_;
  BranchOptions options_;
  OnCandidate on_candidate_;
  Bounder bounder_;
  std::vector<Place> places_;  ///< the unstable neurons that `place` depends on
  std::int64_t domains_ = 0;
  double closed_bound_ = HUGE_VAL;
  Leaves closed_;
};

}  // namespace espalier::crown
