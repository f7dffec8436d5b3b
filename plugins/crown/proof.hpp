// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/property.hpp>

namespace espalier::crown {

/// Why a property cannot be violated, in steps that anybody can check: a list of claims, each a lower bound of a linear
/// function on a part of a box, with the multipliers that show it. Flat arrays, because there may be millions; a name
/// that ends in _start holds where each one's entries begin, and the end of the last. tools/check-proof checks one.
///
/// A *scope* is a box of inputs where some neurons have known phases, with bounds of its own: those of its
/// parent, met by intervals, by its phases and by its claims about neurons. A *claim* is about one side of a neuron
/// (before its ReLU), or says that a case of the property does not show in its scope. Its *leaves* are parts of the
/// scope, told by phases; together, and for a case with the scopes inside it, they are all of it. Over each leaf, the
/// function is bounded by substituting backwards: with the leaf's slopes below unstable neurons, with the list's above
/// them, and less a multiplier times its neuron's input for every phase (Wang et al. 2021, section 3.2).
struct Proof final : Artifact {
  static constexpr std::string_view kKind = "Proof";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "why a property cannot be violated, for anybody to check";

  /// A neuron is told by the number of its ReLU, in the network's order, and its element there.
  struct Neuron {
    std::int32_t relu = 0;
    std::int32_t element = 0;
  };
  struct Phase {
    Neuron neuron;
    std::int32_t sign = 0;  ///< +1: its input is at least 0, -1: at most 0
  };

  Property property;

  // Boxes of inputs, [boxes, inputs] each; those of one of the property's boxes cover it.
  std::vector<double> box_low;
  std::vector<double> box_high;

  std::vector<std::int64_t> scope_box;
  std::vector<std::int64_t> scope_parent;  ///< -1: none
  std::vector<std::int64_t> scope_case;    ///< what the scope is there for; -1: all
  std::vector<std::int64_t> scope_phase_start{0};
  std::vector<Phase> scope_phases;  ///< all that the scope has, its parent's first

  std::vector<std::int64_t> claim_scope;
  std::vector<Neuron> claim_neuron;        ///< of a case: relu -1, and the case
  std::vector<std::int64_t> claim_side;    ///< +1: input >= bound, -1: input <= bound, 0: a case
  std::vector<double> claim_bound;         ///< of a neuron
  std::vector<std::int64_t> claim_slopes;  ///< index of the list of neurons that the leaves have slopes for
  std::vector<std::int64_t> claim_leaf_start{0};

  std::vector<std::int64_t> sloped_start{0};
  std::vector<Neuron> sloped;
  std::vector<float> slopes_above;  ///< in [0, 1]; of sloped, the same over all leaves

  std::vector<std::int64_t> leaf_phase_start{0};
  std::vector<Phase> leaf_phases;
  std::vector<double> multipliers;  ///< of leaf_phases, >= 0
  std::vector<std::int64_t> leaf_slope_start{0};
  std::vector<float> slopes;  ///< in [0, 1]
  std::vector<std::int64_t> leaf_weight_start{0};
  std::vector<std::int64_t> weight_constraint;  ///< of its case; leaves about neurons have none
  std::vector<double> weights;                  ///< >= 0: the function is the sum of weight (constraint - limit)

  /// Of no property. That of one that admits no input has nothing but the property.
  bool empty() const { return property.inputs == 0; }

  /// Adds the boxes, scopes and claims of another proof about the same property.
  void append(const Proof& other);

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Proof from_fields(const Fields& fields);
};

}  // namespace espalier::crown
