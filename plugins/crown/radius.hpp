// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>

#include <abstract/question.hpp>

#include <espalier/network.hpp>

#include "verifier.hpp"

namespace espalier::crown {

/// What is known of the largest radius at which an image keeps its class: proven < radius <= attacked. Everything
/// between stays open.
struct Radius {
  double proven = 0;           ///< `robust` was the answer at this radius; 0 may also mean that nothing was proven
  double attacked = HUGE_VAL;  ///< a replayed counterexample lies no further away; infinite when none was found
  std::int64_t questions = 0;  ///< asked of the verifier
};

struct RadiusOptions {
  double largest = 1;       ///< radius, beyond which nothing is asked
  double tolerance = 1e-3;  ///< > 0; ends when proven and attacked are as close
  double budget_s = 0;      ///< 0: none
  int threads = 1;
  Device device = {};
};

/// Borrows the network.
class RadiusSearch {
 public:
  RadiusSearch(const Network& network, const RadiusOptions& options)
      : verifier_(network, kDefaultMemory, options.device), witnesses_(network), options_(options) {}

  /// Throws Error(stopped) when `check_stop` does. Needs: what abstract::Verifier::answer needs; label and target are
  /// those of `about`, whose box is not used.
  Radius find(const abstract::Question& about, std::span<const float> centre, abstract::Interval clip,
              const std::function<void()>& check_stop) const;

 private:
  Verifier verifier_;
  abstract::Verifier witnesses_;
  RadiusOptions options_;
};

}  // namespace espalier::crown
