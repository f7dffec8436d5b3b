// SPDX-License-Identifier: Apache-2.0
#include "root.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <span>
#include <vector>

#include "team.hpp"

namespace espalier::crown {
namespace {

using abstract::Interval;
using abstract::Relaxation;

constexpr std::size_t kPerGroup = kLanes / 2;  // two sides each

std::vector<std::size_t> unstable(const abstract::Intervals& bounds) {
  std::vector<std::size_t> elements;
  for (std::size_t k = 0; k < bounds.size(); ++k) {
    if (bounds[k].low < 0 && bounds[k].high > 0) elements.push_back(k);
  }
  return elements;
}

/// Certified bounds of up to kPerGroup elements of a value.
void bound_group(Bounder& bounder, const Lines& lines, int place, std::span<const std::size_t> elements,
                 const Effort& effort, std::span<Interval> out) {
  static constexpr std::array<double, kLanes> kSettled{};  // a side that does not cross 0 needs no more
  float* objective = bounder.objective(place);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    objective[elements[i] * kLanes + 2 * i] = 1;
    objective[elements[i] * kLanes + 2 * i + 1] = -1;
  }
  bounder.reset(lines);
  bounder.run(place, 2 * static_cast<int>(elements.size()), effort, kSettled);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const int lane = 2 * static_cast<int>(i);
    out[i] = {bounder.bound(lane), -bounder.bound(lane + 1)};
  }
}

/// Needs: the value keeps all its elements (it is not yet a ReLU).
void tighten(Relaxation& relaxation, const Program& program, const Effort& effort, const Refinement& refinement,
             int threads, const MayContinue& may_continue) {
  const std::vector<std::size_t> elements = unstable(relaxation.bounds(relaxation.last()));
  std::vector<Interval> found(elements.size(), {-HUGE_VAL, HUGE_VAL});
  const Lines lines(program.ranges());
  const int place = program.place(relaxation.last());
  const std::size_t groups = (elements.size() + kPerGroup - 1) / kPerGroup;
  std::atomic<std::size_t> next{0};
  in_parallel(static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), groups)), [&](int) {
    Bounder bounder(program);
    for (std::size_t g = next++; g < groups && may_continue(); g = next++) {
      const std::size_t begin = g * kPerGroup;
      const std::size_t count = std::min(kPerGroup, elements.size() - begin);
      bound_group(bounder, lines, place, std::span(elements).subspan(begin, count), effort,
                  std::span(found).subspan(begin, count));
    }
  });
  for (std::size_t i = 0; i < elements.size(); ++i) relaxation.tighten(elements[i], found[i]);
  if (refinement.rounds == 0 || program.neurons() == 0) return;
  const std::vector<std::size_t> open = unstable(relaxation.bounds(relaxation.last()));
  std::vector<Interval> better;
  for (const std::size_t k : open) better.push_back(relaxation.bounds(relaxation.last())[k]);
  refine(program, lines, place, open, better, refinement, threads, may_continue);
  for (std::size_t i = 0; i < open.size(); ++i) relaxation.tighten(open[i], better[i]);
}

}  // namespace

Root make_root(const abstract::Graph& graph, const abstract::Box& box, const Effort& effort,
               const Refinement& refinement, int threads, const MayContinue& may_continue) {
  Relaxation relaxation(graph, box);
  Program program(graph, relaxation);
  while (!relaxation.complete()) {
    relaxation.extend();
    program.extend(relaxation);
    const int last = relaxation.last();
    if (graph.feeds_relu(last) && !graph.exact_by_intervals(last)) {
      tighten(relaxation, program, effort, refinement, threads, may_continue);
    }
  }
  Lines lines(program.ranges());
  return {std::move(relaxation), std::move(program), std::move(lines)};
}

}  // namespace espalier::crown
