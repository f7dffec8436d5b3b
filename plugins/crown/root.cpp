// SPDX-License-Identifier: Apache-2.0
#include "root.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "team.hpp"

namespace espalier::crown {
namespace {

using abstract::Interval;
using abstract::Relaxation;

constexpr std::size_t kPerGroup = kLanes / 2;  // two sides each

/// Certified bounds of up to kPerGroup elements of a value. A lane for the lower side of each, then one for the upper.
/// Needs: the bounder has been reset.
void bound_group(Bounder& bounder, int place, std::span<const std::size_t> elements, const Effort& effort,
                 std::span<Interval> out) {
  static constexpr std::array<double, kLanes> kSettled{};  // a side that does not cross 0 needs no more
  float* objective = bounder.objective(place);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    objective[elements[i] * kLanes + 2 * i] = 1;
    objective[elements[i] * kLanes + 2 * i + 1] = -1;
  }
  bounder.run(place, 2 * static_cast<int>(elements.size()), effort, kSettled);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const int lane = 2 * static_cast<int>(i);
    out[i] = {bounder.bound(lane), -bounder.bound(lane + 1)};
  }
}

/// What the bound of a lane was found with.
Leaf leaf_of(const Bounder& bounder, int lane, const Lines& lines, std::span<const int> sloped) {
  Leaf leaf{.literals = lines.literals};
  for (const Literal& literal : lines.literals) leaf.multipliers.push_back(bounder.used_beta(lane, literal.neuron));
  for (const int neuron : sloped) leaf.slopes.push_back(bounder.low(lane, neuron));
  return leaf;
}

/// Builds a root value by value.
class Builder {
 public:
  Builder(const abstract::Graph& graph, const abstract::Box& box, const Phases& phases, const Root* outer,
          const RootOptions& options, const MayContinue& may_continue)
      : graph_(graph),
        phases_(phases),
        outer_(outer),
        options_(options),
        may_continue_(may_continue),
        relaxation_(graph, box),
        program_(graph, relaxation_, phases),
        first_inputs_(1, std::vector<std::int32_t>(static_cast<std::size_t>(graph.size(0)))) {
    std::iota(first_inputs_[0].begin(), first_inputs_[0].end(), 0);
    if (options.proof == nullptr) return;
    scope_ = options.proof->open_scope(outer != nullptr ? outer->scope : -1, options.case_index, phases);
  }

  std::optional<Root> build() {
    while (!relaxation_.complete()) {
      relaxation_.extend();
      program_.extend(relaxation_);
      note_first_inputs();
      if (!tighten()) return std::nullopt;
    }
    Lines lines(program_.ranges());
    return Root{std::move(relaxation_), std::move(program_), std::move(lines), scope_};
  }

 private:
  /// False when the value's bounds exclude each other, which only a part of the box without inputs can make them do.
  bool tighten() {
    const int last = relaxation_.last();
    if (!graph_.feeds_relu(last)) return true;
    const auto size = static_cast<std::size_t>(graph_.size(last));
    for (std::size_t k = 0; outer_ != nullptr && k < size; ++k) {
      if (!learn(k, outer_->relaxation.bounds(last)[k])) return false;
    }
    if (!graph_.exact_by_intervals(last) && options_.effort.iterations > 0) {
      if (!tighten_by_rows() || !tighten_by_splits()) return false;
    }
    for (const Phase& phase : phases_) {
      if (phase.neuron.value != last) continue;
      const Interval half = phase.sign > 0 ? Interval{0, HUGE_VAL} : Interval{-HUGE_VAL, 0};
      if (!learn(static_cast<std::size_t>(phase.neuron.element), half)) return false;
    }
    return true;
  }

  bool learn(std::size_t element, Interval known) {
    const Interval now = relaxation_.bounds(relaxation_.last())[element];
    if (std::max(now.low, known.low) > std::min(now.high, known.high)) return false;
    relaxation_.tighten(element, known);
    return true;
  }

  /// One evaluation shows of most neurons of a deep network that they are stable; steps of ascent are for the others.
  bool tighten_by_rows() {
    constexpr int kMany = 8;
    Effort effort = options_.effort;
    effort.pairs = true;
    const Lines lines(program_.ranges());
    if (effort.iterations >= kMany && !tighten_by_rows(lines, {.iterations = 1})) return false;
    return tighten_by_rows(lines, effort);
  }

  bool tighten_by_rows(const Lines& lines, const Effort& effort) {
    const std::vector<std::size_t> elements = unstable_side_by_side();
    std::vector<Interval> found(elements.size(), {-HUGE_VAL, HUGE_VAL});
    const std::vector<int> sloped = is_recorded() ? unstable_neurons() : std::vector<int>();
    Leaves leaves(is_recorded() ? 2 * elements.size() : 0);
    const int place = program_.place(relaxation_.last());
    const std::size_t groups = (elements.size() + kPerGroup - 1) / kPerGroup;
    std::atomic<std::size_t> next{0};
    in_parallel(static_cast<int>(std::min(static_cast<std::size_t>(options_.threads), groups)), [&](int) {
      Bounder bounder(program_, is_recorded() ? kProofMargin : 1);
      bounder.reset(lines);
      for (std::size_t g = next++; g < groups && may_continue_(); g = next++) {
        const std::size_t begin = g * kPerGroup;
        const std::size_t count = std::min(kPerGroup, elements.size() - begin);
        bound_group(bounder, place, std::span(elements).subspan(begin, count), effort,
                    std::span(found).subspan(begin, count));
        for (std::size_t l = 0; is_recorded() && l < 2 * count; ++l) {
          leaves[2 * begin + l] = leaf_of(bounder, static_cast<int>(l), lines, sloped);
        }
        if (effort.iterations > 1) bounder.reset(lines);
      }
    });
    if (is_recorded()) record(elements, found, leaves, sloped);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (!learn(elements[i], found[i])) return false;
    }
    return true;
  }

  /// Those of the last value, in the order of the inputs that they depend on: neighbours share what they reach. The
  /// program lacks what only dead neurons depend on, so it says nothing about these.
  std::vector<std::size_t> unstable_side_by_side() const {
    std::vector<std::size_t> elements = abstract::unstable_elements(relaxation_.bounds(relaxation_.last()));
    std::erase_if(elements, [&](std::size_t k) { return !graph_.live(relaxation_.last())[k]; });
    const std::vector<std::int32_t>& first = first_inputs_.back();
    std::ranges::stable_sort(elements, {}, [&](std::size_t k) { return first[k]; });
    return elements;
  }

  /// Of the last value: the first input that each element depends on.
  void note_first_inputs() {
    const int last = relaxation_.last();
    const abstract::Graph::Node& node = graph_.node(last);
    std::vector<std::int32_t> first(static_cast<std::size_t>(graph_.size(last)),
                                    std::numeric_limits<std::int32_t>::max());
    const auto note = [&](std::size_t k, std::int32_t input) { first[k] = std::min(first[k], input); };
    for (const int in : node.inputs) {
      const std::vector<std::int32_t>& from = first_inputs_[static_cast<std::size_t>(in)];
      const auto* map = std::get_if<abstract::AffineMap>(&node.step);
      for (std::size_t j = 0; j < from.size(); ++j) {
        if (map == nullptr) {
          note(j, from[j]);
          continue;
        }
        for (auto t = map->weights.start[j]; t < map->weights.start[j + 1]; ++t) {
          note(static_cast<std::size_t>(map->weights.terms[static_cast<std::size_t>(t)].row), from[j]);
        }
      }
    }
    first_inputs_.push_back(std::move(first));
  }

  bool tighten_by_splits() {
    if (options_.refinement.rounds == 0 || program_.neurons() == 0) return true;
    const std::vector<std::size_t> open = unstable_side_by_side();
    std::vector<Interval> found;
    for (const std::size_t k : open) found.push_back(relaxation_.bounds(relaxation_.last())[k]);
    refine(program_, Lines(program_.ranges()), program_.place(relaxation_.last()), open, found, options_.refinement,
           options_.threads, may_continue_, {options_.proof, scope_, relaxation_.last()});
    for (std::size_t i = 0; i < open.size(); ++i) {
      if (!learn(open[i], found[i])) return false;
    }
    return true;
  }

  bool is_recorded() const { return options_.proof != nullptr; }

  std::vector<int> unstable_neurons() const {
    std::vector<int> neurons;
    for (int n = 0; n < program_.neurons(); ++n) {
      const Range& range = program_.ranges()[static_cast<std::size_t>(n)];
      if (range.unstable() && range.split == 0) neurons.push_back(n);
    }
    return neurons;
  }

  /// Two leaves an element, for its lower and its upper side.
  void record(std::span<const std::size_t> elements, std::span<const Interval> found, std::span<const Leaf> leaves,
              std::span<const int> sloped) {
    const std::int64_t names = options_.proof->sloped(program_, sloped);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const NeuronId id{relaxation_.last(), static_cast<std::int32_t>(elements[i])};
      const auto claim = [&](int side, double bound, std::size_t leaf) {
        if (!std::isfinite(bound)) return;
        options_.proof->neuron(scope_, id, side, bound, program_, names, leaves.subspan(leaf, 1));
      };
      claim(1, found[i].low, 2 * i);
      claim(-1, found[i].high, 2 * i + 1);
    }
  }

  const abstract::Graph& graph_;
  const Phases& phases_;
  const Root* outer_;
  const RootOptions& options_;
  const MayContinue& may_continue_;
  Relaxation relaxation_;
  Program program_;
  std::vector<std::vector<std::int32_t>> first_inputs_;
  int scope_ = -1;
};

}  // namespace

std::optional<Root> make_root(const abstract::Graph& graph, const abstract::Box& box, const Phases& phases,
                              const Root* outer, const RootOptions& options, const MayContinue& may_continue) {
  return Builder(graph, box, phases, outer, options, may_continue).build();
}

}  // namespace espalier::crown
