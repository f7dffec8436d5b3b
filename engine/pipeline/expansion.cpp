// SPDX-License-Identifier: Apache-2.0
#include "pipeline/expansion.hpp"

#include <algorithm>
#include <ranges>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::pipeline {
namespace {

constexpr std::int64_t kMostNodes = 1'000'000;

std::size_t at_index(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

AxisMask fixed_axes(const Reference& reference) {
  AxisMask out = 0;
  for (const auto& [axis, value] : reference.fixed) out |= mask_of(axis);
  return out;
}

std::vector<std::string> names_in(const std::vector<Axis>& axes, AxisMask mask) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if ((mask & mask_of(static_cast<int>(i))) != 0) out.push_back(axes[i].name);
  }
  return out;
}

bool allowed(const Draft& draft, const Coordinates& at) {
  const auto meets = [&](const OnlyAxis& only) { return only.allowed[at_index(at[at_index(only.axis)])]; };
  return draft.only.empty() || std::ranges::any_of(draft.only, [&](const std::vector<OnlyAxis>& alternative) {
           return std::ranges::all_of(alternative, meets);
         });
}

std::string name_with_axes(const std::string& name, const std::vector<std::pair<std::string, std::string>>& axes) {
  std::string out = name;
  for (const auto& [axis, value] : axes) {
    out += out.size() == name.size() ? '@' : ',';
    out += axis;
    out += '=';
    out += value;
  }
  return out;
}

}  // namespace

void Expansion::add(int section) {
  Draft& draft = bench_.drafts[at_index(section)];
  Expanded& expanded = sections_[at_index(section)];
  const AxisMask axes = settle_axes(draft);
  used_ |= axes;
  if (!draft.sound) return;
  expanded.axes = axes;
  expanded.space = Space(bench_.axes(), axes);
  if (!fits(draft, expanded.space)) return;
  expanded.nodes.resize(at_index(expanded.space.size()));
  const std::size_t before = nodes_.size();
  Coordinates at(bench_.axes().size());
  for (std::int64_t index = 0; index < expanded.space.size(); ++index) {
    expanded.space.place(index, at);
    if (allowed(draft, at)) add_at(draft, section, at, index);
  }
  report_missing(draft);
  if (nodes_.size() > before || !draft.sound) return;
  bench_
      .fault(draft, draft.section->header,
             fmt::format("no combination of axis values is left for {}", draft.full_name()))
      .hint = "look at 'only', here and in what it needs";
}

/// The axes a section has: its own, and those of what it takes from, but for what `@` fixes.
AxisMask Expansion::settle_axes(Draft& draft) {
  AxisMask axes = draft.own_axes;
  draft.each_reference([&](const Reference& r) {
    if (!bench_.drafts[at_index(r.producer)].sound) draft.sound = false;
  });
  if (!draft.sound) return axes;
  draft.each_reference([&](const Reference& r) { check_fixed(draft, r); });
  for (std::size_t p = 0; p < draft.ports.size(); ++p) {
    if (!draft.ports[p] || draft.stage->inputs[p].gathers) continue;
    for (const auto& leaf : draft.ports[p]->leaves) {
      for (const Reference& r : leaf) axes |= sections_[at_index(r.producer)].axes & ~fixed_axes(r);
    }
  }
  for (std::size_t p = 0; p < draft.ports.size(); ++p) {
    if (!draft.ports[p] || !draft.stage->inputs[p].gathers) continue;
    for (auto& leaf : draft.ports[p]->leaves) {
      for (Reference& r : leaf) {
        r.free = Space(bench_.axes(), sections_[at_index(r.producer)].axes & ~fixed_axes(r) & ~axes);
      }
    }
  }
  check_only(draft, axes);
  return axes;
}

void Expansion::check_fixed(Draft& draft, const Reference& reference) {
  const AxisMask has = sections_[at_index(reference.producer)].axes;
  for (const auto& [axis, value] : reference.fixed) {
    if ((has & mask_of(axis)) != 0) continue;
    const std::vector<std::string> names = names_in(bench_.axes(), has);
    bench_
        .fault(draft, reference.written->span,
               fmt::format("'{}' has no axis '{}'", bench_.drafts[at_index(reference.producer)].section->node,
                           bench_.axes()[at_index(axis)].name))
        .hint = names.empty() ? "it has no axes" : "it has " + core::quoted_list(names);
  }
}

void Expansion::check_only(Draft& draft, AxisMask axes) {
  for (const OnlyAxis& only : draft.only | std::views::join) {
    if ((axes & mask_of(only.axis)) != 0) continue;
    const std::vector<std::string> names = names_in(bench_.axes(), axes);
    bench_
        .fault(draft, *only.written,
               fmt::format("{} has no axis '{}' to filter", draft.full_name(), bench_.axes()[at_index(only.axis)].name))
        .hint = names.empty() ? "it has no axes" : "it has " + core::quoted_list(names);
  }
}

bool Expansion::fits(Draft& draft, const Space& space) {
  const std::int64_t each = draft.shards > 1 ? 2 * std::int64_t{draft.shards} + 1 : 1;
  const std::int64_t more = space.size() > kMostNodes ? space.size() : space.size() * each;
  if (static_cast<std::int64_t>(nodes_.size()) + more <= kMostNodes) return true;
  bench_
      .fault(draft, draft.section->header,
             fmt::format("{} makes the pipeline larger than {} nodes", draft.full_name(), kMostNodes))
      .hint = "leave out axes or values, or split the pipeline";
  return false;
}

void Expansion::add_at(Draft& draft, int section, const Coordinates& at, std::int64_t index) {
  Expanded& expanded = sections_[at_index(section)];
  std::optional<Inputs> inputs = inputs_at(draft, at);
  if (!inputs) return;
  PlanNode node;
  node.section = section;
  node.stage = draft.stage;
  node.inputs = *std::move(inputs);
  node.params = expanded.nodes.size() == 1 ? std::move(draft.params) : draft.params;
  if (!set_params(draft, at, node.params)) return;
  for (std::size_t i = 0; i < bench_.axes().size(); ++i) {
    if ((expanded.axes & mask_of(static_cast<int>(i))) == 0) continue;
    const Axis& axis = bench_.axes()[i];
    node.axes.emplace_back(axis.name, label_of(axis.values[at_index(at[i])]));
  }
  expanded.nodes[at_index(index)] = draft.shards > 1 ? add_sharded(draft, std::move(node)) : add_node(std::move(node));
}

/// Nothing when what a plain port takes from does not exist here, being filtered out: then this combination does not
/// either.
std::optional<Expansion::Inputs> Expansion::inputs_at(Draft& draft, const Coordinates& at) {
  Inputs out(draft.stage->inputs.size());
  for (std::size_t p = 0; p < out.size(); ++p) {
    if (!draft.ports[p]) continue;
    const PortSpec& port = draft.stage->inputs[p];
    const Variation& choice = draft.ports[p]->varied.root.pick(at);
    if (choice.form == Variation::Form::missing) {
      note_missing(draft, port.name, choice);
      return std::nullopt;
    }
    for (const Reference& r : draft.ports[p]->leaves[at_index(choice.index)]) {
      if (port.gathers) {
        gather(r, port.labelled, at, out[p]);
      } else if (const auto source = source_at(r, at)) {
        out[p].push_back(*source);
      } else {
        return std::nullopt;
      }
    }
    if (!out[p].empty() || port.optional) continue;
    bench_
        .fault(draft, draft.ports[p]->varied.leaves[at_index(choice.index)]->span,
               fmt::format("port '{}' of {} has nothing left to gather", port.name, draft.full_name()))
        .hint = "look at 'only' of what it gathers";
    return std::nullopt;
  }
  return out;
}

void Expansion::gather(const Reference& reference, bool labelled, Coordinates here, std::vector<Source>& out) const {
  for (std::int64_t i = 0; i < reference.free.size(); ++i) {
    reference.free.place(i, here);
    auto source = source_at(reference, here);
    if (!source) continue;
    if (labelled) {
      if (!reference.name.empty()) source->labels.emplace("name", reference.name);
      const PlanNode& producer = nodes_[at_index(source->node)];
      source->labels.insert(producer.axes.begin(), producer.axes.end());
    }
    out.push_back(*std::move(source));
  }
}

std::optional<Source> Expansion::source_at(const Reference& reference, Coordinates at) const {
  for (const auto& [axis, value] : reference.fixed) at[at_index(axis)] = value;
  const Expanded& producer = sections_[at_index(reference.producer)];
  const auto node = producer.nodes[at_index(producer.space.index_of(at))];
  if (!node) return std::nullopt;
  const bool joined = bench_.drafts[at_index(reference.producer)].shards > 1;
  return Source{.node = *node, .output = joined ? 0 : reference.output, .labels = {}};
}

bool Expansion::set_params(Draft& draft, const Coordinates& at, ParamValues& out) {
  bool complete = true;
  for (const ParamSetting& setting : draft.settings) {
    const Variation& choice = setting.varied.root.pick(at);
    if (choice.form == Variation::Form::missing) {
      note_missing(draft, setting.spec->name, choice);
      complete = false;
    } else {
      out.insert_or_assign(setting.spec->name, setting.leaves[at_index(choice.index)]);
    }
  }
  return complete;
}

void Expansion::note_missing(Draft& draft, std::string_view key, const Variation& missing) {
  draft.sound = false;
  Missing& all = missing_[missing.written];
  all.key = key;
  all.axis = missing.axis;
  all.values.insert(missing.index);
}

void Expansion::report_missing(const Draft& draft) {
  for (const auto& [table, missing] : missing_) {
    const Axis& axis = bench_.axes()[at_index(missing.axis)];
    std::vector<std::string> labels;
    for (const int value : missing.values) labels.push_back(label_of(axis.values[at_index(value)]));
    bench_.findings
        .error(table->span, fmt::format("'{}' of {} has nothing for {} of axis '{}'", missing.key, draft.full_name(),
                                        core::quoted_list(labels), axis.name))
        .hint = fmt::format("add {} = ..., or leave it out with 'only'", labels.front());
  }
  missing_.clear();
}

int Expansion::add_node(PlanNode node) {
  const Section& section = bench_.document.sections()[at_index(node.section)];
  node.name = name_with_axes(fmt::format("{}.{}", node.stage->qualified(), section.node), node.axes);
  nodes_.push_back(std::move(node));
  return static_cast<int>(nodes_.size()) - 1;
}

/// core.split -> the stage, once a shard -> core.join. Gives the join, which stands for the whole.
int Expansion::add_sharded(const Draft& draft, PlanNode whole) {
  const StageSpec* split = bench_.registry.find_stage("core.split");
  const StageSpec* join = bench_.registry.find_stage("core.join");
  if (split == nullptr || join == nullptr)
    throw Error(Code::internal, "the registry lacks 'core.split' or 'core.join'");
  const auto is_sliced = [](const PortSpec& p) { return p.kind == "Instances" && !p.gathers; };
  const auto port = std::ranges::find_if(whole.stage->inputs, is_sliced) - whole.stage->inputs.begin();
  const auto verdicts =
      std::ranges::find(whole.stage->outputs, "Verdicts", &PortSpec::kind) - whole.stage->outputs.begin();
  PlanNode joined{
      .name = {}, .section = whole.section, .stage = join, .params = {}, .inputs = Inputs(1), .axes = whole.axes};
  for (int shard = 0; shard < draft.shards; ++shard) {
    auto axes = whole.axes;
    axes.emplace_back("shard", std::to_string(shard));
    const int slice = add_node({.name = {},
                                .section = whole.section,
                                .stage = split,
                                .params = {{"index", shard}, {"count", draft.shards}},
                                .inputs = {whole.inputs[at_index(port)]},
                                .axes = axes});
    PlanNode part = whole;
    part.inputs[at_index(port)] = {{.node = slice, .output = 0, .labels = {}}};
    part.axes = std::move(axes);
    joined.inputs[0].push_back({.node = add_node(std::move(part)), .output = static_cast<int>(verdicts), .labels = {}});
  }
  return add_node(std::move(joined));
}

}  // namespace espalier::pipeline
