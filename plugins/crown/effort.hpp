// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace espalier::crown {

/// What a step of Adam keeps of its means of gradients and of their squares (Kingma and Ba 2015, section 2).
inline constexpr double kFirstDecay = 0.9;
inline constexpr double kSecondDecay = 0.999;

/// How the bounds of one group of lanes are to be found.
struct Effort {
  int iterations = 1;  ///< evaluations of the bound; one fewer steps of ascent
  float alpha_rate = 0.1F;
  float beta_rate = 0.1F;
  float decay = 1.0F;  ///< of both rates, an iteration
  /// Leaves the mean of the later minimisers in place of the last: where multipliers have settled, it comes near to the
  /// minimiser of the split network (primal recovery, Shor 1985).
  bool mean_point = false;
  /// Lanes 2i and 2i + 1 are the two sides of one function: enough when one of them exceeds its threshold.
  bool pairs = false;
};

}  // namespace espalier::crown
