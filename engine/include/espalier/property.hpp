// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <espalier/artifact.hpp>

namespace espalier::inline v1 {

/// sum of factor * Y[output] over the terms <= limit. No output is named twice; no factor is
/// denormal, so that its decimal is within a share of it.
struct OutputConstraint {
  struct Term {
    std::int64_t output = 0;
    double factor = 0;
    friend bool operator==(const Term&, const Term&) = default;
  };
  std::vector<Term> terms;
  double limit = 0;
  friend bool operator==(const OutputConstraint&, const OutputConstraint&) = default;
};

/// What must not happen, in disjunctive form: some case has an input in its box whose outputs meet all its constraints.
/// `sat` means that it can happen, `unsat` that it cannot (VNN-LIB 1.0). Numbers are the doubles nearest to the
/// decimals of a file, so a bound that is to hold for the decimals too has to be taken one step outward.
class ESPALIER_API Property : public Artifact {
 public:
  static constexpr std::string_view kKind = "Property";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "what a network must never do: boxes of inputs and constraints on outputs";

  /// low <= X <= high, element by element, flattened row-major. May be empty (low > high); never NaN.
  struct Box {
    std::vector<double> low;
    std::vector<double> high;
    friend bool operator==(const Box&, const Box&) = default;
  };
  struct Case {
    std::int64_t box = 0;                       ///< index in `boxes`
    std::vector<OutputConstraint> constraints;  ///< all of them; none means that every output will do
    friend bool operator==(const Case&, const Case&) = default;
  };

  std::int64_t inputs = 0;
  std::int64_t outputs = 0;
  std::vector<Box> boxes;
  std::vector<Case> cases;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Property from_fields(const Fields& fields);
  /// Throws Error when an index is out of range, a size does not fit or a number is not one (limits and bounds may be
  /// infinite, factors may not).
  void validate() const;
};

}  // namespace espalier::inline v1
