// SPDX-License-Identifier: Apache-2.0
// From a document to a plan: the order of the steps, and what is known only at the end.
#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "pipeline/draft.hpp"
#include "pipeline/expansion.hpp"
#include "pipeline/plan.hpp"

namespace espalier::pipeline {
namespace {

/// Adds findings, but a mistake that several sections share by `like` only once.
void append_distinct(const Diagnostics& from, Diagnostics& to) {
  std::set<std::tuple<int, int, std::string_view>> seen;
  for (const Diagnostic& d : from.all()) {
    if (!seen.emplace(d.span.line, d.span.column, d.text).second) continue;
    Diagnostic& added = d.severity == Severity::error ? to.error(d.span, d.text) : to.warning(d.span, d.text);
    added.hint = d.hint;
  }
}

void check_not_empty(Workbench& bench) {
  if (!bench.drafts.empty() || !bench.document.whole()) return;
  bench.findings.error({bench.document.file(), 1, 1, 1}, "the pipeline has no nodes").hint =
      "a node is a section [plugin.stage.name]";
}

void warn_of_unused_axes(Workbench& bench, AxisMask used) {
  for (std::size_t i = 0; i < bench.axes().size(); ++i) {
    if ((used & mask_of(static_cast<int>(i))) != 0) continue;
    bench.findings.warning(bench.axes()[i].span, fmt::format("no node uses axis '{}'", bench.axes()[i].name)).hint =
        "name it in a 'by' or a 'per', or leave it out";
  }
}

}  // namespace

/// Puts together what a plan consists of; the only one who may.
class PlanBuilder {
 public:
  static Plan plan(const Workbench& bench, std::vector<PlanNode> nodes) {
    Plan out;
    out.name_ = bench.document.name();
    out.folder_ = bench.folder;
    out.nodes_ = std::move(nodes);
    connect(out);
    out.places_.resize(bench.drafts.size());
    for (std::size_t i = 0; i < bench.drafts.size(); ++i) {
      out.places_[i].reserve(bench.drafts[i].entries.size());
      for (const Item* item : bench.drafts[i].entries) out.places_[i].emplace_back(item->key, item->value.span);
    }
    return out;
  }

  /// Fills predecessors and successors from the inputs of nodes.
  static void connect(Plan& plan) {
    plan.successors_.assign(plan.nodes_.size(), {});
    plan.predecessors_.assign(plan.nodes_.size(), {});
    for (std::size_t i = 0; i < plan.nodes_.size(); ++i) {
      std::vector<int>& needs = plan.predecessors_[i];
      for (const auto& port : plan.nodes_[i].inputs) {
        for (const Source& source : port) needs.push_back(source.node);
      }
      std::ranges::sort(needs);
      needs.erase(std::unique(needs.begin(), needs.end()), needs.end());
      for (const int p : needs) plan.successors_[static_cast<std::size_t>(p)].push_back(static_cast<int>(i));
    }
  }
};

std::optional<Plan> Plan::build(const Document& document, const plugin::Registry& registry, Diagnostics& findings) {
  Diagnostics found;
  Workbench bench(document, registry, found);
  check_not_empty(bench);
  read_sections(bench);
  read_entries(bench);
  connect_ports(bench);
  Expansion expansion(bench);
  for (const int section : section_order(bench)) expansion.add(section);
  if (!found.has_errors() && !findings.has_errors()) warn_of_unused_axes(bench, expansion.used_axes());
  append_distinct(found, findings);
  if (findings.has_errors()) return std::nullopt;
  return PlanBuilder::plan(bench, expansion.take());
}

Plan Plan::restricted_to(const std::vector<int>& wanted) const {
  std::vector<bool> keep(nodes_.size());
  for (const int node : wanted) keep[static_cast<std::size_t>(node)] = true;
  for (std::size_t i = nodes_.size(); i-- > 0;) {  // nodes come after what they need
    if (!keep[i]) continue;
    for (const int p : predecessors_[i]) keep[static_cast<std::size_t>(p)] = true;
  }
  Plan out;
  out.name_ = name_;
  out.folder_ = folder_;
  out.places_ = places_;
  std::vector<int> moved(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!keep[i]) continue;
    moved[i] = static_cast<int>(out.nodes_.size());
    PlanNode& node = out.nodes_.emplace_back(nodes_[i]);
    for (auto& port : node.inputs) {
      for (Source& source : port) source.node = moved[static_cast<std::size_t>(source.node)];
    }
  }
  PlanBuilder::connect(out);
  return out;
}

}  // namespace espalier::pipeline
