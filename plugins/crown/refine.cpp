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
  Chunk(const Program& program, const Lines& lines, int place, std::span<const Goal> goals, const Refinement& how)
      : how_(how),
        brancher_(program, lines, place, goals, {.candidates = how.candidates}),
        trees_(goals.size()),
        leaf_(goals.size(), HUGE_VAL) {
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
      for (int i = 0; i < how_.width && !tree.empty() && tree.front().bound < leaf_[g]; ++i) {
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
    return std::min({0.0, leaf_[goal], tree.empty() ? 0.0 : tree.front().bound});
  }

 private:
  void keep(Domains domains) {
    for (Domain& d : domains) {
      if (d.candidate_count == 0) {
        leaf_[d.goal] = std::min(leaf_[d.goal], d.bound);
        continue;
      }
      Domains& tree = trees_[d.goal];
      tree.push_back(std::move(d));
      std::push_heap(tree.begin(), tree.end(), is_worse);
    }
  }

  Refinement how_;
  Brancher brancher_;
  std::vector<Domains> trees_;
  std::vector<double> leaf_;
};

}  // namespace

void refine(const Program& program, const Lines& lines, int place, std::span<const std::size_t> elements,
            std::span<abstract::Interval> known, const Refinement& how, int threads, const MayContinue& may_continue) {
  constexpr std::size_t kElements = 8;
  const std::size_t chunks = (elements.size() + kElements - 1) / kElements;
  std::atomic<std::size_t> next{0};
  in_parallel(static_cast<int>(std::min(chunks, static_cast<std::size_t>(threads))), [&](int) {
    for (std::size_t c = next++; c < chunks; c = next++) {
      const std::size_t begin = c * kElements;
      const std::size_t count = std::min(kElements, elements.size() - begin);
      std::vector<Goal> goals;
      for (std::size_t i = begin; i < begin + count; ++i) {
        for (const float sign : {1.0F, -1.0F}) {
          Goal& side = goals.emplace_back();
          side.factors.assign(static_cast<std::size_t>(program.value(place).size), 0);
          side.factors[elements[i]] = sign;
        }
      }
      Chunk chunk(program, lines, place, goals, how);
      for (int r = 0; r < how.rounds && may_continue() && chunk.round(); ++r) {
      }
      for (std::size_t i = 0; i < count; ++i) {
        abstract::Interval& range = known[begin + i];
        range = {std::max(range.low, chunk.bound(2 * i)), std::min(range.high, -chunk.bound(2 * i + 1))};
      }
    }
  });
}

}  // namespace espalier::crown
