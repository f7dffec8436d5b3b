// SPDX-License-Identifier: Apache-2.0
#include "choice.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>

namespace espalier::prune {
namespace {

struct Candidate {
  double importance = 0;
  std::size_t layer = 0;
  std::size_t index = 0;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(a.importance, a.layer, a.index) < std::tie(b.importance, b.layer, b.index);
  }
};

std::vector<Candidate> in_order(const std::vector<std::vector<double>>& importance) {
  std::vector<Candidate> out;
  for (std::size_t layer = 0; layer < importance.size(); ++layer) {
    for (std::size_t i = 0; i < importance[layer].size(); ++i) out.push_back({importance[layer][i], layer, i});
  }
  std::ranges::sort(out, [](const Candidate& a, const Candidate& b) { return a < b; });
  return out;
}

}  // namespace

Choice choose(const ChoiceRequest& request) {
  const std::vector<Candidate> candidates = in_order(request.importance);
  Choice out;
  if (request.rate > 0) {
    // Truncation as in the reference code: 112 neurons at 0.75 lose 84 + 1 and keep 27, as table 4 says.
    const auto at = static_cast<std::size_t>(static_cast<double>(candidates.size()) * request.rate);
    out.threshold = candidates.at(at).importance;
    out.wanted =
        request.rule == Rule::count
            ? static_cast<std::int64_t>(at + 1)
            : std::ranges::count_if(candidates, [&](const Candidate& c) { return c.importance <= out.threshold; });
  }
  std::vector<std::int64_t> left;
  for (const auto& layer : request.importance) left.push_back(static_cast<std::int64_t>(layer.size()));
  out.keep.resize(left.size());
  for (std::size_t rank = 0; rank < candidates.size(); ++rank) {
    const Candidate& c = candidates[rank];
    const bool may_go = left[c.layer] > request.floors[c.layer];
    if (out.pruned < out.wanted && may_go) {
      --left[c.layer];
      ++out.pruned;
    } else {
      out.keep[c.layer].push_back(static_cast<std::int64_t>(c.index));
      if (rank < static_cast<std::size_t>(out.wanted)) ++out.rescued;
    }
  }
  for (auto& layer : out.keep) std::ranges::sort(layer);
  return out;
}

}  // namespace espalier::prune
