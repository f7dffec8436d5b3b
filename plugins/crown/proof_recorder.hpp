// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <abstract/graph.hpp>

#include "domain.hpp"
#include "program.hpp"
#include "proof.hpp"

namespace espalier::crown {

/// What a proof keeps of a part of the box: the multipliers that bound a function on it.
struct Leaf {
  std::size_t goal = 0;
  std::vector<Literal> literals = {};
  std::vector<double> multipliers = {};  ///< of the literals
  std::vector<float> slopes = {};        ///< of the neurons that the leaves of its tree have slopes for
  std::vector<double> weights = {};      ///< of all goals of its case; empty: `goal` alone
};
using Leaves = std::vector<Leaf>;

/// Bounds that go into a proof are taken with so many times their error terms. What is left over pays for what a proof
/// does not keep of the computation: slopes are rounded, and bounds of neurons were floats.
inline constexpr double kProofMargin = 2;

/// Collects a proof as it is found. Every claim has to come after those it rests on. [any thread]
class ProofRecorder {
 public:
  /// Borrows the graph. `memory`: bytes that the proof may have; then nothing more is kept, see overflowed().
  ProofRecorder(const abstract::Graph& graph, const Property& property, std::size_t memory);

  /// What scopes are about from now on: a box of inputs, low <= X <= high or up to one rounding outside, and the
  /// property's number of each case that is asked about there.
  void begin_box(std::span<const double> low, std::span<const double> high, std::vector<std::int64_t> cases);
  /// `parent`, `case_index`: -1 for none and for all.
  int open_scope(int parent, std::int64_t case_index, const Phases& phases);
  /// Neurons that leaves have slopes for; above them are the lines that the program's ranges give.
  std::int64_t sloped(const Program& program, std::span<const int> neurons);

  /// In the scope, the input of a neuron is at least (side +1) or at most (-1) `bound`.
  void neuron(int scope, NeuronId neuron, int side, double bound, const Program& program, std::int64_t sloped,
              std::span<const Leaf> leaves);
  /// The case, one of those that begin_box() named, does not show in the scope: in these leaves, and in the scopes
  /// inside that are there for it. `first_goal`: the number that leaves have for the case's first constraint.
  void refuted(int scope, std::int64_t case_index, std::size_t first_goal, const Program& program, std::int64_t sloped,
               std::span<const Leaf> leaves);

  /// Takes what another has recorded about the same property, which then has nothing any more.
  void append(ProofRecorder& other);

  bool overflowed() const { return overflowed_; }
  std::size_t memory_left() const { return memory_ - std::min(bytes_, memory_); }
  /// What is known to hold could not be recorded in time.
  void give_up() { given_up_ = true; }
  bool given_up() const { return given_up_; }
  /// Needs: nobody records any more.
  Proof take() { return std::move(proof_); }

 private:
  Proof::Neuron named(NeuronId id) const;
  /// `first_goal`: of a case; a leaf about a neuron has no weights.
  void add(const Leaf& leaf, const Program& program, std::optional<std::size_t> first_goal);
  void end_claim();

  std::mutex mutex_;
  Proof proof_;
  std::vector<std::int32_t> relu_of_;  ///< of every value: the number of the first ReLU that takes it
  std::vector<std::int64_t> cases_;
  std::size_t memory_;
  std::size_t bytes_ = 0;
  bool overflowed_ = false;
  bool given_up_ = false;
};

}  // namespace espalier::crown
