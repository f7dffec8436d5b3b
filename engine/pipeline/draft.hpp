// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pipeline/axes.hpp"
#include "pipeline/document.hpp"
#include "plugin/registry.hpp"

namespace espalier::pipeline {

/// What a port takes from: an output of a section, with some of that section's axes held fixed.
struct Reference {
  int producer = 0;                        ///< index of the section
  int output = 0;                          ///< index in its stage's outputs
  std::vector<std::pair<int, int>> fixed;  ///< axis, value
  const Node* written = nullptr;
  std::string name;  ///< what a labelled port calls it: `history = { base = "net.history" }`
  Space free;  ///< of gathering ports: the producer's axes that are neither fixed nor the consumer's; set when axes are
               ///< known
};

struct PortSetting {
  Varied varied;
  std::vector<std::vector<Reference>> leaves;  ///< parallel to varied.leaves; one reference unless the port gathers
};

/// A parameter whose value goes by an axis.
struct ParamSetting {
  const ParamSpec* spec = nullptr;
  Varied varied;
  std::vector<Value> leaves;  ///< parallel to varied.leaves
};

/// The values of one axis that `only` names.
struct OnlyAxis {
  int axis = 0;
  std::vector<bool> allowed;  ///< parallel to the axis's values
  const Span* written = nullptr;
};

/// A section on its way to plan nodes.
struct Draft {
  const Section* section = nullptr;
  const StageSpec* stage = nullptr;  ///< null when there is no such stage
  bool like_found = true;            ///< false when it is `like` nothing that is there
  std::vector<const Item*> entries;  ///< its own and those it is `like`
  ParamValues params;                ///< defaults, and what is the same for all
  std::vector<ParamSetting> settings;
  std::vector<std::optional<PortSetting>> ports;  ///< parallel to stage->inputs
  /// Alternatives, one of which a node's place has to meet on all its axes; none lets every place pass.
  std::vector<std::vector<OnlyAxis>> only;
  AxisMask own_axes = 0;  ///< from `per` and `by`
  int shards = 1;
  const Span* shards_written = nullptr;
  /// False when something is wrong with it, or with what it needs: then absences further down mean nothing.
  bool sound = true;

  std::string stage_name() const { return section->plugin + "." + section->stage; }
  std::string full_name() const { return stage_name() + "." + section->node; }
  /// Calls `use` with every reference of every port.
  template <class Use>
  void each_reference(Use use) const {
    for (const auto& port : ports) {
      if (!port) continue;
      for (const std::vector<Reference>& leaf : port->leaves) {
        for (const Reference& r : leaf) use(r);
      }
    }
  }
};

/// A port was given a kind that it does not take. Which sections give the right one is told when circles are known.
struct WrongKind {
  Draft* draft = nullptr;
  Span place;
  std::string text;
  std::string wanted;
};

/// All sections on their way to a plan, and what checking them needs.
class Workbench {
 public:
  Workbench(const Document& in, const plugin::Registry& stages, Diagnostics& out);

  const std::vector<Axis>& axes() const { return document.axes(); }
  /// The axis of that name; else nothing and a finding.
  std::optional<int> axis_named(const std::string& name, const Span& place);
  std::optional<int> section_named(std::string_view name) const;
  /// "did you mean 'base'?"; nothing once there are so many findings that looking for near names would take long.
  std::string near_node(std::string_view name) const;
  /// A finding that makes the draft unsound.
  Diagnostic& fault(Draft& draft, const Span& place, std::string text);

  const Document& document;
  const plugin::Registry& registry;
  Diagnostics& findings;
  VariationReader variations;
  std::filesystem::path folder;  ///< absolute; what file parameters are relative to
  std::vector<Draft> drafts;     ///< parallel to document.sections()
  std::vector<WrongKind> wrong_kinds;

 private:
  std::vector<std::string> names_;
  std::unordered_map<std::string_view, int> by_name_;
};

/// Finds stages and follows `like`: every draft has its stage and its entries.
void read_sections(Workbench& bench);
/// Reads parameters, reserved keys and the `by` tables of ports.
void read_entries(Workbench& bench);
/// Resolves references: every port has its producers, outputs fit kinds.
void connect_ports(Workbench& bench);
/// Sections so that each comes after what it needs, in file order where there is a choice. Cycles are findings;
/// sections in or below one are left out.
std::vector<int> section_order(Workbench& bench);

}  // namespace espalier::pipeline
