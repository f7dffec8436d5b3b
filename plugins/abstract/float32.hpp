// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <espalier/network.hpp>
#include <espalier/property.hpp>

#include "box.hpp"
#include "relaxation.hpp"

namespace espalier::abstract {

/// How far inference in single precision may be from the network over the reals, output by output, for every input of
/// floats in the relaxation's box. Holds for every evaluation that goes operation by operation, rounds to nearest and
/// sums products in whatever order, with or without fused multiply-add or wider sums, with or without flushing denormal
/// numbers; not for formats with fewer bits (TF32, bf16), for transformed convolutions (Winograd, FFT) or for batch
/// norms folded beforehand. Infinite where a value may overflow. Needs: the relaxation is a complete one of the
/// network.
std::vector<double> float32_errors(const Network& network, const Relaxation& relaxation);
/// The same by interval arithmetic alone, which is coarser. Needs: the box is not empty.
std::vector<double> float32_errors(const Network& network, const Box& box);

/// What those errors can do to the left side of a constraint. A network that keeps `terms <= limit` from holding by
/// more than this over the reals keeps it from holding in single precision too.
double float32_error(const OutputConstraint& constraint, const std::vector<double>& errors);
/// The most that they can do to any constraint of a property.
double float32_error(const std::vector<Property::Case>& cases, const std::vector<double>& errors);
/// The same for label score - other score: a larger margin over the reals is a positive one in single precision.
double float32_margin_error(const std::vector<double>& errors, std::int64_t label, std::int64_t other);

/// What a proof has to say for itself when `what` is only known to be above `bound` over the reals, and single
/// precision may be off by `off`. Empty when it holds there, too.
std::string float32_note(std::string_view what, double bound, double off);
/// What the proof of a property has to say in any case, given the note of a box that has one: that of no box is empty
/// when single precision keeps the property, too.
std::string float32_message(bool has_inputs, std::string note);

}  // namespace espalier::abstract
