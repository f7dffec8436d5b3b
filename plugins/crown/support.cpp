// SPDX-License-Identifier: Apache-2.0
#include "support.hpp"

#include <algorithm>

namespace espalier::crown {

Support::Support(const Program& program) : program_(&program) {
  std::size_t elements = 0;
  for (int v = 0; v < program.values(); ++v) {
    offsets_.push_back(elements);
    elements += static_cast<std::size_t>(program.value(v).size);
  }
  flags_.resize(elements);
  all_.resize(offsets_.size());
  runs_.resize(offsets_.size());
}

void Support::follow(int place, std::span<const char> chosen) {
  const auto start = flags_.begin() + static_cast<std::ptrdiff_t>(at(place));
  if (place == place_ && std::equal(chosen.begin(), chosen.end(), start)) return;
  std::fill(flags_.begin(), flags_.end(), 0);
  std::copy(chosen.begin(), chosen.end(), start);
  place_ = place;
  for (int v = program_->values() - 1; v >= 0; --v) {
    find_runs(v);
    if (!reaches(v)) continue;
    for (const Value::Edge& edge : program_->value(v).edges) {
      edge.matrix->reach(flags_.data() + at(v), flags_.data() + at(edge.source));
    }
  }
}

void Support::find_runs(int value) {
  std::vector<Run>& runs = runs_[static_cast<std::size_t>(value)];
  runs.clear();
  const int size = program_->value(value).size;
  for (int i = 0; i < size; ++i) {
    if (!has(value, i)) continue;
    const int begin = i;
    while (i < size && has(value, i)) ++i;
    runs.push_back({begin, i});
  }
  all_[static_cast<std::size_t>(value)] = runs.size() == 1 && runs[0].end - runs[0].begin == size ? 1 : 0;
}

}  // namespace espalier::crown
