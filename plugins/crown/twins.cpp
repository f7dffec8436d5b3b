// SPDX-License-Identifier: Apache-2.0
#include "twins.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace espalier::crown {
namespace {

using abstract::AffineMap;
using Row = std::vector<std::pair<std::size_t, double>>;  ///< input, weight

std::vector<std::size_t> hashes_of_rows(const AffineMap& map) {
  std::vector<std::size_t> hashes(map.bias.size(), 0);
  for (std::size_t j = 0; j + 1 < map.weights.start.size(); ++j) {
    for (const auto& [weight, row] : map.weights.column(j)) {
      std::size_t& hash = hashes[static_cast<std::size_t>(row)];
      hash = hash * 31 + std::hash<double>{}(weight) + j;
    }
  }
  return hashes;
}

/// The rows that are wanted, by their numbers.
std::map<std::size_t, Row> rows_of(const AffineMap& map, const std::vector<bool>& wanted) {
  std::map<std::size_t, Row> rows;
  for (std::size_t j = 0; j + 1 < map.weights.start.size(); ++j) {
    for (const auto& [weight, row] : map.weights.column(j)) {
      const auto k = static_cast<std::size_t>(row);
      if (wanted[k]) rows[k].emplace_back(j, weight);
    }
  }
  return rows;
}

}  // namespace

void Twins::add(const abstract::Graph& graph, std::span<const NeuronId> neurons, std::span<const Range> ranges) {
  std::vector<int> of_value;
  for (std::size_t n = all_.size(); n < neurons.size(); ++n) {
    all_.push_back(static_cast<int>(n));
    group_of_.push_back(-1);
    if (ranges[n].unstable() && ranges[n].split == 0) of_value.push_back(static_cast<int>(n));
  }
  if (of_value.size() < 2) return;
  const int value = neurons.back().value;
  const auto* map = value > 0 ? std::get_if<AffineMap>(&graph.node(value).step) : nullptr;
  if (map != nullptr && map->weight_error == 0) group(*map, neurons, of_value);
}

void Twins::group(const AffineMap& map, std::span<const NeuronId> neurons, const std::vector<int>& of_value) {
  const auto element = [&](int n) { return static_cast<std::size_t>(neurons[static_cast<std::size_t>(n)].element); };
  const std::vector<std::size_t> hashes = hashes_of_rows(map);
  std::map<std::size_t, int> count;
  for (const int n : of_value) ++count[hashes[element(n)]];
  std::vector<bool> wanted(map.bias.size(), false);
  for (const int n : of_value) wanted[element(n)] = count[hashes[element(n)]] > 1 && map.bias_error[element(n)] == 0;
  std::map<std::size_t, Row> rows = rows_of(map, wanted);
  std::map<std::pair<double, Row>, std::vector<int>> equal;
  for (const int n : of_value) {
    if (wanted[element(n)]) equal[{map.bias[element(n)], std::move(rows[element(n)])}].push_back(n);
  }
  for (auto& [row, same] : equal) {
    if (same.size() < 2) continue;
    for (const int n : same) group_of_[static_cast<std::size_t>(n)] = static_cast<int>(groups_.size());
    groups_.push_back(std::move(same));
  }
}

}  // namespace espalier::crown
