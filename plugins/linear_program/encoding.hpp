// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "abstract/relaxation.hpp"
#include "program.hpp"

namespace espalier::linear {

/// An unstable ReLU: its input is the positive column minus the negative one, its output is the positive one. Exactly
/// one of them is 0 at every input of the network, which a program cannot say: it lies in the triangle between them.
struct Neuron {
  std::int32_t positive = 0;
  std::int32_t negative = 0;
  std::int32_t chord = 0;  ///< the row that closes the triangle
  int value = 0;           ///< the input's, in the relaxation
  std::size_t element = 0;
};

/// A network in a box, relaxed to a program: every input of the box is a point of it. With one column of each neuron at
/// 0, as they are anywhere, it is exact.
struct Encoding {
  Program program;
  std::vector<Neuron> neurons;         ///< in the order of the network
  std::vector<std::int32_t> inputs;    ///< the columns of the network's input
  std::vector<std::int32_t> elements;  ///< the columns of the elements that were asked for, in their order
};

/// The relaxation up to its last value, of which only `elements` are encoded. Its bounds have to be finite.
Encoding encode(const abstract::Relaxation& relaxation, std::span<const std::size_t> elements);

/// Whether every bound is, so that the relaxation can be encoded.
bool is_finite(const abstract::Relaxation& relaxation);

}  // namespace espalier::linear
