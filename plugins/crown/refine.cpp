// SPDX-License-Identifier: Apache-2.0
#include "refine.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "brancher.hpp"
#include "team.hpp"

namespace espalier::crown {
namespace {

bool is_worse(const Domain& a, const Domain& b) {
  return a.bound > b.bound;  // a heap of the worst first
}

/// The sides of some neurons, refined together so that their domains fill the lanes.
class Chunk {
 public:
  Chunk(const Program& program, const Lines& lines, int place, std::span<const Goal> goals, const Refinement& how,
        bool for_proof)
      : how_(how),
        for_proof_(for_proof),
        brancher_(program, lines, place, goals, {.candidates = how.candidates, .for_proof = for_proof}),
        trees_(goals.size()),
        fixed_(goals.size(), HUGE_VAL) {
    Domains roots;
    for (std::size_t g = 0; g < goals.size(); ++g) roots.push_back(brancher_.root(g));
    brancher_.bound(roots, {.iterations = 8, .alpha_rate = 0.2F, .beta_rate = 0.1F, .decay = 0.9F});
    keep(std::move(roots));
  }

  /// False when there is nothing left to split.
  bool round() {
    Domains parents;
    for (std::size_t g = 0; g < trees_.size(); ++g) {
      Domains& tree = trees_[g];
      // A fixed leaf that is as bad as the rest decides the bound; splitting the rest gains nothing.
      for (int i = 0; i < how_.width && !tree.empty() && tree.front().bound < fixed_[g]; ++i) {
        std::pop_heap(tree.begin(), tree.end(), is_worse);
        parents.push_back(std::move(tree.back()));
        tree.pop_back();
      }
    }
    if (parents.empty()) return false;
    Domains children = brancher_.branch(parents);
    brancher_.bound(children, how_.effort);
    keep(std::move(children));
    return true;
  }

  /// Certified lower bound of a goal minus its threshold; 0 when it holds.
  double bound(std::size_t goal) const {
    const Domains& tree = trees_[goal];
    return std::min({0.0, fixed_[goal], tree.empty() ? 0.0 : tree.front().bound});
  }

  /// What the bounds of all goals follow from, by goal. Needs: it is for a proof; nothing is split afterwards.
  std::vector<Leaves> take_leaves() {
    std::vector<Leaves> leaves(trees_.size());
    for (Leaf& leaf : closed_) leaves[leaf.goal].push_back(std::move(leaf));
    for (Leaf& leaf : brancher_.take_closed()) leaves[leaf.goal].push_back(std::move(leaf));
    for (const Domains& tree : trees_) {
      for (const Domain& d : tree) leaves[d.goal].push_back(brancher_.leaf_of(d));
    }
    return leaves;
  }
  std::vector<int> sloped() const { return brancher_.sloped(); }

 private:
  void keep(Domains domains) {
    for (Domain& d : domains) {
      d.bound = abstract::or_nothing(d.bound);  // so that no comparison below meets one that is not a number
      if (d.candidate_count == 0) {
        fixed_[d.goal] = std::min(fixed_[d.goal], d.bound);
        if (for_proof_) closed_.push_back(brancher_.leaf_of(d));
        continue;
      }
      Domains& tree = trees_[d.goal];
      tree.push_back(std::move(d));
      std::push_heap(tree.begin(), tree.end(), is_worse);
    }
  }

  Refinement how_;
  bool for_proof_;
  Brancher brancher_;
  std::vector<Domains> trees_;
  std::vector<double> fixed_;  ///< the worst bound of domains with every neuron fixed
  Leaves closed_;              ///< these domains
};

/// The lower and the upper side of some neurons.
std::vector<Goal> sides_of(std::span<const std::size_t> elements, int size) {
  std::vector<Goal> goals;
  for (const std::size_t element : elements) {
    for (const double sign : {1.0, -1.0}) {
      Goal& side = goals.emplace_back();
      side.factors.assign(static_cast<std::size_t>(size), 0);
      side.factors[element] = sign;
    }
  }
  return goals;
}

void record_sides(Chunk& chunk, const Program& program, std::span<const std::size_t> elements,
                  const NeuronRecord& record) {
  const std::int64_t sloped = record.proof->sloped(program, chunk.sloped());
  const std::vector<Leaves> leaves = chunk.take_leaves();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const NeuronId id{record.value, static_cast<std::int32_t>(elements[i])};
    for (const int side : {1, -1}) {
      const std::size_t goal = 2 * i + (side > 0 ? 0 : 1);
      const double bound = chunk.bound(goal);
      if (!std::isfinite(bound)) continue;
      record.proof->neuron(record.scope, id, side, side * bound, program, sloped, leaves[goal]);
    }
  }
}

}  // namespace

void refine(const Program& program, const Lines& lines, int place, std::span<const std::size_t> elements,
            std::span<abstract::Interval> known, const Refinement& how, int threads, const MayContinue& may_continue,
            const NeuronRecord& record) {
  constexpr std::size_t kElements = 8;
  const std::size_t chunks = (elements.size() + kElements - 1) / kElements;
  std::atomic<std::size_t> next{0};
  in_parallel(static_cast<int>(std::min(chunks, static_cast<std::size_t>(threads))), [&](int) {
    for (std::size_t c = next++; c < chunks; c = next++) {
      const std::size_t begin = c * kElements;
      const std::size_t count = std::min(kElements, elements.size() - begin);
      const std::vector<Goal> goals = sides_of(elements.subspan(begin, count), program.value(place).size);
      Chunk chunk(program, lines, place, goals, how, record.proof != nullptr);
      for (int r = 0; r < how.rounds && may_continue() && chunk.round(); ++r) {
      }
      for (std::size_t i = 0; i < count; ++i) {
        abstract::Interval& range = known[begin + i];
        range = {std::max(range.low, chunk.bound(2 * i)), std::min(range.high, -chunk.bound(2 * i + 1))};
      }
      if (record.proof != nullptr) record_sides(chunk, program, elements.subspan(begin, count), record);
    }
  });
}

}  // namespace espalier::crown
