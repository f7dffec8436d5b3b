// SPDX-License-Identifier: Apache-2.0
#include "proof_recorder.hpp"

#include <utility>
#include <variant>

#include "bounder.hpp"

namespace espalier::crown {
namespace {

/// A multiplier of 0 says nothing but for the phase itself; less than 0 or not a number would be no multiplier.
double usable(double multiplier) {
  return multiplier > 0 ? multiplier : 0;
}

}  // namespace

ProofRecorder::ProofRecorder(const abstract::Graph& graph, const Property& property, std::size_t memory)
    : relu_of_(static_cast<std::size_t>(graph.values()), -1), memory_(memory) {
  proof_.property = property;
  std::int32_t relu = 0;
  for (int v = 1; v < graph.values(); ++v) {
    if (!std::holds_alternative<Relu>(graph.node(v).step)) continue;
    std::int32_t& first = relu_of_[static_cast<std::size_t>(graph.node(v).inputs[0])];
    if (first < 0) first = relu;
    ++relu;
  }
}

void ProofRecorder::begin_box(std::span<const double> low, std::span<const double> high,
                              std::vector<std::int64_t> cases) {
  proof_.box_low.insert(proof_.box_low.end(), low.begin(), low.end());
  proof_.box_high.insert(proof_.box_high.end(), high.begin(), high.end());
  cases_ = std::move(cases);
}

Proof::Neuron ProofRecorder::named(NeuronId id) const {
  return {relu_of_[static_cast<std::size_t>(id.value)], id.element};
}

int ProofRecorder::open_scope(int parent, std::int64_t case_index, const Phases& phases) {
  const std::lock_guard lock(mutex_);
  proof_.scope_box.push_back(static_cast<std::int64_t>(proof_.box_low.size()) / proof_.property.inputs - 1);
  proof_.scope_parent.push_back(parent);
  proof_.scope_case.push_back(case_index < 0 ? -1 : cases_[static_cast<std::size_t>(case_index)]);
  for (const Phase& phase : phases) proof_.scope_phases.push_back({named(phase.neuron), phase.sign});
  proof_.scope_phase_start.push_back(static_cast<std::int64_t>(proof_.scope_phases.size()));
  return static_cast<int>(proof_.scope_box.size()) - 1;
}

std::int64_t ProofRecorder::sloped(const Program& program, std::span<const int> neurons) {
  const std::lock_guard lock(mutex_);
  const Lines lines(program.ranges());
  for (const int neuron : neurons) {
    proof_.sloped.push_back(named(program.id(neuron)));
    proof_.slopes_above.push_back(lines.high[static_cast<std::size_t>(neuron)]);
  }
  proof_.sloped_start.push_back(static_cast<std::int64_t>(proof_.sloped.size()));
  return static_cast<std::int64_t>(proof_.sloped_start.size()) - 2;
}

void ProofRecorder::neuron(int scope, NeuronId neuron, int side, double bound, const Program& program,
                           std::int64_t sloped, std::span<const Leaf> leaves) {
  const std::lock_guard lock(mutex_);
  proof_.claim_scope.push_back(scope);
  proof_.claim_neuron.push_back(named(neuron));
  proof_.claim_side.push_back(side);
  proof_.claim_bound.push_back(bound);
  proof_.claim_slopes.push_back(sloped);
  for (const Leaf& leaf : leaves) add(leaf, program, std::nullopt);
  end_claim();
}

void ProofRecorder::refuted(int scope, std::int64_t case_index, std::size_t first_goal, const Program& program,
                            std::int64_t sloped, std::span<const Leaf> leaves) {
  const std::lock_guard lock(mutex_);
  proof_.claim_scope.push_back(scope);
  proof_.claim_neuron.push_back({-1, static_cast<std::int32_t>(cases_[static_cast<std::size_t>(case_index)])});
  proof_.claim_side.push_back(0);
  proof_.claim_bound.push_back(0);
  proof_.claim_slopes.push_back(sloped);
  for (const Leaf& leaf : leaves) add(leaf, program, first_goal);
  end_claim();
}

void ProofRecorder::add(const Leaf& leaf, const Program& program, std::optional<std::size_t> first_goal) {
  bytes_ += leaf.literals.size() * (sizeof(Proof::Phase) + sizeof(double)) + leaf.slopes.size() * sizeof(float) + 64;
  overflowed_ = overflowed_ || bytes_ > memory_;
  if (overflowed_) return;
  for (std::size_t i = 0; i < leaf.literals.size(); ++i) {
    proof_.leaf_phases.push_back({named(program.id(leaf.literals[i].neuron)), leaf.literals[i].sign});
    proof_.multipliers.push_back(usable(leaf.multipliers[i]));
  }
  proof_.slopes.insert(proof_.slopes.end(), leaf.slopes.begin(), leaf.slopes.end());
  const auto weigh = [&](std::size_t constraint, double weight) {
    proof_.weight_constraint.push_back(static_cast<std::int64_t>(constraint));
    proof_.weights.push_back(usable(weight));
  };
  if (first_goal && leaf.weights.empty()) weigh(leaf.goal - *first_goal, 1);
  for (std::size_t g = 0; first_goal && g < leaf.weights.size(); ++g) weigh(g, leaf.weights[g]);
  proof_.leaf_phase_start.push_back(static_cast<std::int64_t>(proof_.leaf_phases.size()));
  proof_.leaf_slope_start.push_back(static_cast<std::int64_t>(proof_.slopes.size()));
  proof_.leaf_weight_start.push_back(static_cast<std::int64_t>(proof_.weights.size()));
}

void ProofRecorder::append(ProofRecorder& other) {
  const std::lock_guard lock(mutex_);
  bytes_ += other.bytes_;
  overflowed_ = overflowed_ || other.overflowed_ || bytes_ > memory_;
  if (!overflowed_) proof_.append(other.proof_);
  other.proof_ = Proof();
}

void ProofRecorder::end_claim() {
  proof_.claim_leaf_start.push_back(static_cast<std::int64_t>(proof_.leaf_phase_start.size()) - 1);
}

}  // namespace espalier::crown
