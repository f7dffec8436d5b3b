// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <espalier/stage.hpp>

#include "pipeline/document.hpp"
#include "plugin/registry.hpp"

namespace espalier::pipeline {

/// One artifact that flows into a port.
struct Source {
  int node = 0;                               ///< index in Plan::nodes()
  int output = 0;                             ///< index in that node's stage->outputs
  std::map<std::string, std::string> labels;  ///< axis -> value of the producer, for labelled gathering ports
};

/// One box of the expanded graph.
struct PlanNode {
  std::string name;  ///< "prune.neurons.np@net=net1,set=set2"
  int section = 0;   ///< index in Document::sections(); the inserted core nodes point at the section they serve
  const StageSpec* stage = nullptr;
  ParamValues params;                       ///< complete: defaults filled in, `by` resolved
  std::vector<std::vector<Source>> inputs;  ///< parallel to stage->inputs; empty for an optional port left out
  std::vector<std::pair<std::string, std::string>> axes;  ///< axis -> value, in the order of [axes]
};

/// The nodes after axis expansion, shard insertion and type checks, in topological order. Immutable.
class ESPALIER_API Plan {
 public:
  /// Linear in nodes and edges. Nothing when there are errors; all of them are in `findings`, each with place and
  /// suggestion. File parameters are resolved against the pipeline's folder and stay absolute paths in `params`.
  static std::optional<Plan> build(const Document& document, const plugin::Registry& registry, Diagnostics& findings);

  const std::vector<PlanNode>& nodes() const { return nodes_; }
  const std::vector<int>& successors(int node) const { return successors_[static_cast<std::size_t>(node)]; }
  const std::vector<int>& predecessors(int node) const { return predecessors_[static_cast<std::size_t>(node)]; }
  const std::string& name() const { return name_; }
  /// Of the pipeline's file, absolute: what file parameters are relative to.
  const std::filesystem::path& folder() const { return folder_; }

  /// The node of that name; else, when it is unique, the node whose short name (after the last dot before '@') it is.
  std::optional<int> find(std::string_view name) const;
  /// Nodes whose full or short name (with or without axes) matches the glob.
  std::vector<int> matching(std::string_view glob) const;
  std::vector<std::string> node_names() const;
  /// Where a parameter of the node was written; line 0 when it is a default.
  Span place_of(int node, std::string_view parameter) const;

  /// The same plan with only the given nodes and what they need.
  Plan restricted_to(const std::vector<int>& wanted) const;

 private:
  friend class PlanBuilder;
  std::string name_;
  std::filesystem::path folder_;
  std::vector<PlanNode> nodes_;
  std::vector<std::vector<int>> successors_;
  std::vector<std::vector<int>> predecessors_;
  /// A key of a section and where its value stands.
  using Place = std::pair<std::string, Span>;
  std::vector<std::vector<Place>> places_;  ///< by section
};

}  // namespace espalier::pipeline
