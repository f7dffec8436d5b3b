// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "domain.hpp"
#include "goal.hpp"
#include "root.hpp"

namespace espalier::crown {

/// Decides what bounds in float leave open. Constant; used by many threads.
class SecondLook {
 public:
  /// Of a part of the box; what comes later outweighs what comes before.
  enum class End : std::uint8_t {
    refuted,  ///< the case does not show in the part
    blurred,  ///< it shows for some decimals that the property's numbers are nearest to, not for these themselves
    open,     ///< told to end, or the network has numbers that are no ratios
    unshown,  ///< it shows over the reals, but at no input in doubles that was tried
    shown,    ///< `trial` took an input
  };
  struct Answer {
    End end = End::open;
    double bound = 0;  ///< with `refuted`, certified: everywhere in the part some goal of the case exceeds its
                       ///< threshold by as much
    // With `refuted`, what that follows from.
    std::vector<double> multipliers = {};  ///< of the literals
    std::vector<double> weights = {};      ///< of the goals of the case, in their order
  };

  /// `case_of` every goal. Borrows everything.
  SecondLook(const Root& root, std::span<const Goal> goals, std::span<const std::size_t> case_of,
             const InputTrial& trial, const MayContinue& may_continue);

  /// A certified lower bound of a domain's goal minus its threshold, in double with the domain's slopes and
  /// multipliers.
  double bound(const Domain& domain) const;

  /// Decides a part of the box where every neuron has a known phase: there the network is linear, and a linear program
  /// tells whether all goals of a case can fail. First in double, where its multipliers make a certified bound; when
  /// that does not settle it, in rational numbers. Needs: the domain has no candidates.
  Answer decide(const Domain& leaf) const;

 private:
  const Root& root_;
  std::span<const Goal> goals_;
  std::span<const std::size_t> case_of_;
  const InputTrial& trial_;
  const MayContinue& may_continue_;
};

}  // namespace espalier::crown
