// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "pipeline/plan.hpp"

namespace espalier::cache {

/// What became of the axes' values since a run, read from the names its nodes had: a node whose axis value was replaced
/// has another name, but is still the node of that place.
class ESPALIER_API AxisHistory {
 public:
  /// `before`: the nodes of the run, by name.
  AxisHistory(const std::vector<pipeline::Axis>& axes, std::set<std::string> before);

  struct Change {
    std::string axis;
    std::string text;  ///< "axis 'rate' changed: 0.25 -> 0.5"
  };
  struct Former {
    std::optional<std::string> name;  ///< what the node was called; nothing where one of its values is new
    std::vector<Change> changes;      ///< one at least
  };
  /// Nothing when no value of the node's axes is another than before.
  std::optional<Former> former(const pipeline::PlanNode& node) const;

 private:
  struct Values {
    std::set<std::string> before;
    std::map<std::string, std::string> replaced;  ///< by the value that stands in its place now
  };
  std::set<std::string> names_;
  std::map<std::string, Values> axes_;
};

}  // namespace espalier::cache
