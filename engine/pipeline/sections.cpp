// SPDX-License-Identifier: Apache-2.0
// From sections to drafts: names, stages, and entries taken over by `like`.
#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "pipeline/draft.hpp"
#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

/// The name as it could be: lower case, with '_' for what is not allowed.
std::string repaired(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const char lower = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    const bool fits = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');
    out += fits ? lower : '_';
  }
  return is_name(out) ? out : fmt::format("n{}", out);
}

void find_stage(Workbench& bench, Draft& draft) {
  const Section& section = *draft.section;
  draft.stage = bench.registry.find_stage(draft.stage_name());
  if (draft.stage != nullptr) return;
  const auto& plugins = bench.registry.plugins();
  std::vector<std::string> names;
  for (const plugin::LoadedPlugin& plugin : plugins) {
    if (plugin.name != "core") names.push_back(plugin.name);
  }
  if (std::ranges::find(names, section.plugin) == names.end()) {
    Diagnostic& d = bench.fault(draft, section.header, fmt::format("there is no plugin '{}'", section.plugin));
    d.hint = suggestion(section.plugin, names);
    if (d.hint.empty()) d.hint = "'espalier list --plugins' says which were found, and why others were not taken";
    return;
  }
  std::vector<std::string> stages;
  for (const StageSpec* stage : bench.registry.stages()) {
    if (stage->plugin == section.plugin) stages.push_back(stage->name);
  }
  Diagnostic& d =
      bench.fault(draft, section.header, fmt::format("plugin '{}' has no stage '{}'", section.plugin, section.stage));
  d.hint = suggestion(section.stage, stages, "it has");
}

void check_name(Workbench& bench, Draft& draft, int index) {
  const Section& section = *draft.section;
  if (!is_name(section.node)) {
    bench.fault(draft, section.header, fmt::format("node name '{}' is not [a-z][a-z0-9_]*", section.node)).hint =
        fmt::format("call it '{}'", repaired(section.node));
  }
  const int first = bench.section_named(section.node).value_or(index);
  if (first != index) {
    const Section& other = *bench.drafts[static_cast<std::size_t>(first)].section;
    bench.findings
        .error(section.header, fmt::format("the name '{}' is taken by [{}.{}.{}] in line {}", section.node,
                                           other.plugin, other.stage, other.node, other.header.line))
        .hint = "a node is referred to by its last part, so that must be unique";
  }
}

bool knows(const StageSpec& stage, const std::string& key) {
  return std::ranges::find(stage.inputs, key, &PortSpec::name) != stage.inputs.end() ||
         std::ranges::find(stage.params, key, &ParamSpec::name) != stage.params.end();
}

bool is_reserved_and_copied(const std::string& key) {
  return key == "only" || key == "per" || key == "shards";
}

/// Takes over what `draft` has not written itself and its stage knows. Unknown keys were reported where they stand.
void inherit(Workbench& bench, Draft& draft, const Draft& from, const Item& like) {
  std::set<std::string_view> own;
  for (const Item* item : draft.entries) own.insert(item->key);
  bool shares = draft.stage == from.stage;
  for (const Item* item : from.entries) {
    const bool known = draft.stage != nullptr && knows(*draft.stage, item->key);
    shares = shares || known;
    if ((known || is_reserved_and_copied(item->key)) && !own.contains(item->key)) draft.entries.push_back(item);
  }
  if (shares || draft.stage == nullptr || from.stage == nullptr) return;
  bench.fault(draft, like.value.span,
              fmt::format("{} has nothing in common with {} of '{}'", draft.stage_name(), from.stage_name(),
                          from.section->node));
}

const Item* like_of(const Draft& draft) {
  const auto it = std::ranges::find(draft.section->items, std::string_view("like"), &Item::key);
  return it == draft.section->items.end() ? nullptr : &*it;
}

/// The section a `like` names; nothing when there is none, or when it is wrong.
std::optional<int> like_target(Workbench& bench, Draft& draft) {
  const Item* like = like_of(draft);
  if (like == nullptr) return std::nullopt;
  const auto* name = std::get_if<std::string>(&like->value.data);
  draft.like_found = name != nullptr && bench.section_named(*name);
  if (name == nullptr) {
    bench.fault(draft, like->value.span,
                fmt::format("'like' wants the name of a node, got {}", described(like->value)));
    return std::nullopt;
  }
  const auto target = bench.section_named(*name);
  if (!target) {
    draft.sound = false;
    if (bench.document.whole()) {
      bench.findings.error(like->value.span, fmt::format("there is no node '{}'", *name)).hint = bench.near_node(*name);
    }
  }
  return target;
}

void report_circle(Workbench& bench, const std::vector<int>& chain, int again) {
  std::string path;
  for (auto it = std::ranges::find(chain, again); it != chain.end(); ++it) {
    path += fmt::format("'{}' is like ", bench.drafts[static_cast<std::size_t>(*it)].section->node);
  }
  Draft& draft = bench.drafts[static_cast<std::size_t>(chain.back())];
  bench.fault(draft, like_of(draft)->value.span,
              fmt::format("'like' goes in a circle: {}'{}'", path,
                          bench.drafts[static_cast<std::size_t>(again)].section->node));
}

/// Walks chains of `like` without recursion; every section is settled once, after the one it is like.
void follow_likes(Workbench& bench) {
  enum class State : std::uint8_t { untouched, on_chain, settled };
  std::vector<State> states(bench.drafts.size(), State::untouched);
  for (int start = 0; start < static_cast<int>(bench.drafts.size()); ++start) {
    std::vector<int> chain;
    std::optional<int> next = start;
    while (next && states[static_cast<std::size_t>(*next)] == State::untouched) {
      states[static_cast<std::size_t>(*next)] = State::on_chain;
      chain.push_back(*next);
      next = like_target(bench, bench.drafts[static_cast<std::size_t>(*next)]);
    }
    if (next && states[static_cast<std::size_t>(*next)] == State::on_chain) {
      report_circle(bench, chain, *next);
      next.reset();
    }
    for (; !chain.empty(); chain.pop_back()) {
      Draft& draft = bench.drafts[static_cast<std::size_t>(chain.back())];
      if (next) inherit(bench, draft, bench.drafts[static_cast<std::size_t>(*next)], *like_of(draft));
      states[static_cast<std::size_t>(chain.back())] = State::settled;
      next = chain.back();
    }
  }
}

}  // namespace

Workbench::Workbench(const Document& in, const plugin::Registry& stages, Diagnostics& out)
    : document(in), registry(stages), findings(out), variations(in, out) {
  folder = std::filesystem::absolute(in.file()).parent_path();
  drafts.resize(in.sections().size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    drafts[i].section = &in.sections()[i];
    names_.push_back(drafts[i].section->node);
    by_name_.emplace(drafts[i].section->node, static_cast<int>(i));  // the first of a name keeps it
  }
}

std::optional<int> Workbench::axis_named(const std::string& name, const Span& place) {
  const auto axis = find_axis(axes(), name);
  if (!axis && document.whole()) {
    findings.error(place, fmt::format("there is no axis '{}'", name)).hint = axis_suggestion(name, axis_names(axes()));
  }
  return axis;
}

std::optional<int> Workbench::section_named(std::string_view name) const {
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) return std::nullopt;
  return it->second;
}

std::string Workbench::near_node(std::string_view name) const {
  constexpr std::size_t kManyFindings = 100;
  return findings.all().size() < kManyFindings ? node_suggestion(name, names_) : "";
}

Diagnostic& Workbench::fault(Draft& draft, const Span& place, std::string text) {
  draft.sound = false;
  return findings.error(place, std::move(text));
}

void read_sections(Workbench& bench) {
  for (std::size_t i = 0; i < bench.drafts.size(); ++i) {
    Draft& draft = bench.drafts[i];
    find_stage(bench, draft);
    check_name(bench, draft, static_cast<int>(i));
    for (const Item& item : draft.section->items) draft.entries.push_back(&item);
  }
  follow_likes(bench);
}

}  // namespace espalier::pipeline
