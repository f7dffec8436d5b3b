// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "pipeline/draft.hpp"
#include "pipeline/plan.hpp"

namespace espalier::pipeline {

/// Turns drafts into plan nodes: one for each combination of axis values, several for shards.
class Expansion {
 public:
  explicit Expansion(Workbench& bench) : bench_(bench), sections_(bench.drafts.size()) {}

  /// Needs: everything the section takes from was added before.
  void add(int section);
  std::vector<PlanNode> take() { return std::move(nodes_); }
  /// Axes that some node has.
  AxisMask used_axes() const { return used_; }

 private:
  /// A section after expansion.
  struct Expanded {
    AxisMask axes = 0;
    Space space;
    std::vector<std::optional<int>> nodes;  ///< by index in space: the node that has the section's outputs
  };
  /// What a `by` table lacks.
  struct Missing {
    std::string_view key;
    int axis = 0;
    std::set<int> values;
  };
  using Inputs = std::vector<std::vector<Source>>;

  AxisMask settle_axes(Draft& draft);
  void check_fixed(Draft& draft, const Reference& reference);
  void check_only(Draft& draft, AxisMask axes);
  bool fits(Draft& draft, const Space& space);

  void add_at(Draft& draft, int section, const Coordinates& at, std::int64_t index);
  std::optional<Inputs> inputs_at(Draft& draft, const Coordinates& at);
  /// Appends everything there is over the reference's free axes.
  void gather(const Reference& reference, bool labelled, Coordinates here, std::vector<Source>& out) const;
  std::optional<Source> source_at(const Reference& reference, Coordinates at) const;
  bool set_params(Draft& draft, const Coordinates& at, ParamValues& out);
  void note_missing(Draft& draft, std::string_view key, const Variation& missing);
  void report_missing(const Draft& draft);

  int add_node(PlanNode node);
  int add_sharded(const Draft& draft, PlanNode whole);

  Workbench& bench_;
  std::vector<Expanded> sections_;
  std::vector<PlanNode> nodes_;
  std::map<const Node*, Missing> missing_;  ///< by `by` table, of the section that is being added
  AxisMask used_ = 0;
};

}  // namespace espalier::pipeline
