// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>
#include <vector>

#include "domains.hpp"
#include "substitution.hpp"

namespace espalier::abstract {
namespace {

/// Bounds up to half a pass of elements: a row for the lower side of each and one for the upper.
void tighten(Relaxation& relaxation, std::span<const std::size_t> elements) {
  std::vector<Row> rows;
  for (const std::size_t k : elements) {
    rows.push_back({{k, 1}});
    rows.push_back({{k, -1}});
  }
  const Lanes low = substitute(relaxation, relaxation.last(), rows, Depth::input).low;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    relaxation.tighten(elements[i], {low[2 * i], -low[2 * i + 1]});
  }
}

}  // namespace

std::optional<Relaxation> deeppoly(const Graph& graph, const Box& box, const MayContinue& may_continue,
                                   const Refine& refine) {
  constexpr std::size_t kElements = kLanes / 2;
  Relaxation relaxation(graph, box);
  while (!relaxation.complete()) {
    if (!may_continue()) return std::nullopt;
    relaxation.extend();
    if (!graph.feeds_relu(relaxation.last()) || graph.exact_by_intervals(relaxation.last())) continue;
    const std::vector<std::size_t> elements = unstable_elements(relaxation.bounds(relaxation.last()));
    for (std::size_t i = 0; i < elements.size(); i += kElements) {
      if (!may_continue()) return std::nullopt;
      tighten(relaxation, std::span(elements).subspan(i, std::min(kElements, elements.size() - i)));
    }
    if (refine) refine(relaxation);
  }
  return relaxation;
}

}  // namespace espalier::abstract
