// SPDX-License-Identifier: Apache-2.0
// What stands inside a section: parameters, ports and the reserved keys.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "pipeline/draft.hpp"
#include "pipeline/parameters.hpp"
#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

constexpr std::array<std::string_view, 5> kReserved{"like", "only", "per", "shards", "doc"};

/// A single value stands for a list of one.
std::vector<const Node*> as_list(const Node& node) {
  const auto* list = std::get_if<std::vector<Node>>(&node.data);
  if (list == nullptr) return {&node};
  std::vector<const Node*> out;
  for (const Node& element : *list) out.push_back(&element);
  return out;
}

/// { base = "node", other = "node" }: a table that is no `by` table.
bool names_its_sources(const Node& node) {
  const auto* table = std::get_if<Node::Table>(&node.data);
  return table != nullptr && std::ranges::find(table->items, std::string_view("by"), &Item::key) == table->items.end();
}

/// Text, or a number's canonical text; nothing for anything else.
std::optional<std::string> label_of(const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.data)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&node.data)) return fmt::format("{}", *integer);
  if (const auto* real = std::get_if<double>(&node.data)) return fmt::format("{}", *real);
  return std::nullopt;
}

/// Reads the entries of one draft.
class EntryReader {
 public:
  EntryReader(Workbench& bench, Draft& draft)
      : bench_(bench), draft_(draft), stage_(*draft.stage), stage_name_(draft.stage_name()) {}

  void read(const ParamValues& defaults) {
    draft_.params = defaults;
    draft_.ports.resize(stage_.inputs.size());
    for (const Item* item : draft_.entries) read_entry(*item);
    require_all();
    if (draft_.shards > 1) check_shards();
  }

 private:
  void read_entry(const Item& item) {
    const auto param = std::ranges::find(stage_.params, item.key, &ParamSpec::name);
    if (param != stage_.params.end()) return read_param(*param, item);
    const auto port = std::ranges::find(stage_.inputs, item.key, &PortSpec::name);
    if (port != stage_.inputs.end()) {
      return read_port(static_cast<std::size_t>(port - stage_.inputs.begin()), item);
    }
    if (read_reserved(item)) return;
    std::vector<std::string> keys(kReserved.begin(), kReserved.end());
    for (const PortSpec& p : stage_.inputs) keys.push_back(p.name);
    for (const ParamSpec& p : stage_.params) keys.push_back(p.name);
    Diagnostic& d = bench_.fault(draft_, item.key_span, fmt::format("{} has no parameter '{}'", stage_name_, item.key));
    const auto meant = core::closest(item.key, keys);
    d.hint = meant ? fmt::format("did you mean '{}'?", *meant)
                   : fmt::format("'espalier list {}' shows its inputs and parameters", stage_name_);
    if (meant) meant_.insert(*meant);
  }

  bool read_reserved(const Item& item) {
    if (item.key == "only") {
      read_only(item);
    } else if (item.key == "per") {
      read_per(item);
    } else if (item.key == "shards") {
      read_shards(item);
    } else if (item.key == "doc" && !std::holds_alternative<std::string>(item.value.data)) {
      bench_.fault(draft_, item.value.span, fmt::format("'doc' is text, not {}", described(item.value)));
    }
    return std::ranges::find(kReserved, item.key) != kReserved.end();
  }

  void read_port(std::size_t port, const Item& item) {
    PortSetting& setting = draft_.ports[port].emplace();
    const bool names = stage_.inputs[port].labelled && names_its_sources(item.value);
    setting.varied = names ? bench_.variations.constant(item.value) : bench_.variations.read(item.value);
    take_axes(setting.varied);
  }

  void read_param(const ParamSpec& spec, const Item& item) {
    if (!std::holds_alternative<Node::Table>(item.value.data)) {
      if (auto value = checked(spec, item.value)) draft_.params.insert_or_assign(spec.name, *std::move(value));
      return;
    }
    ParamSetting setting{&spec, bench_.variations.read(item.value), {}};
    take_axes(setting.varied);
    for (const Node* leaf : setting.varied.leaves) {
      if (auto value = checked(spec, *leaf)) setting.leaves.push_back(*std::move(value));
    }
    draft_.settings.push_back(std::move(setting));
  }

  void take_axes(const Varied& varied) {
    draft_.own_axes |= varied.axes;
    draft_.sound = draft_.sound && varied.sound;
  }

  std::optional<Value> checked(const ParamSpec& spec, const Node& node) {
    auto value = checked_value(node, spec, stage_name_, bench_.findings);
    if (!value) draft_.sound = false;
    if (value && spec.file) return resolved_file(*value, bench_.folder);
    return value;
  }

  /// One table, or a list of them, of which one has to fit.
  void read_only(const Item& item) {
    const std::vector<const Node*> tables = as_list(item.value);
    const auto is_table = [](const Node* node) { return std::holds_alternative<Node::Table>(node->data); };
    if (tables.empty() || !std::ranges::all_of(tables, is_table)) {
      bench_.fault(draft_, item.value.span, fmt::format("'only' wants axes and values, got {}", described(item.value)))
          .hint = "write only = { axis = [\"value\"] }, or a list of such tables";
      return;
    }
    for (const Node* node : tables) draft_.only.push_back(read_filters(std::get<Node::Table>(node->data)));
  }

  std::vector<OnlyAxis> read_filters(const Node::Table& table) {
    std::vector<OnlyAxis> out;
    for (const Item& filter : table.items) {
      const auto axis = bench_.axis_named(filter.key, filter.key_span);
      if (axis) {
        out.push_back(read_filter(*axis, filter));
      } else {
        draft_.sound = false;
      }
    }
    return out;
  }

  OnlyAxis read_filter(int index, const Item& filter) {
    const Axis& axis = bench_.axes()[static_cast<std::size_t>(index)];
    OnlyAxis out{index, std::vector<bool>(axis.values.size()), &filter.key_span};
    for (const Node* node : as_list(filter.value)) {
      const auto text = label_of(*node);
      const auto value = text ? find_value(axis, *text) : std::nullopt;
      if (value) {
        out.allowed[static_cast<std::size_t>(*value)] = true;
        continue;
      }
      const std::string shown = text ? fmt::format("value '{}'", *text) : "such value as " + described(*node);
      bench_.fault(draft_, node->span, fmt::format("axis '{}' has no {}", axis.name, shown)).hint =
          suggestion(text.value_or(""), value_labels(axis), "it has");
    }
    return out;
  }

  void read_per(const Item& item) {
    for (const Node* node : as_list(item.value)) {
      const auto* name = std::get_if<std::string>(&node->data);
      if (name == nullptr) {
        bench_.fault(draft_, node->span, fmt::format("'per' wants names of axes, got {}", described(*node)));
      } else if (const auto axis = bench_.axis_named(*name, node->span)) {
        draft_.own_axes |= mask_of(*axis);
      } else {
        draft_.sound = false;
      }
    }
  }

  void read_shards(const Item& item) {
    constexpr std::int64_t kMostShards = 100'000;
    const auto* count = std::get_if<std::int64_t>(&item.value.data);
    if (count == nullptr || *count < 1 || *count > kMostShards) {
      bench_.fault(draft_, item.value.span,
                   fmt::format("'shards' wants an integer from 1 to {}, got {}", kMostShards, described(item.value)));
      return;
    }
    draft_.shards = static_cast<int>(*count);
    draft_.shards_written = &item.key_span;
  }

  /// What is missing, but for what follows from a mistake that is told already: a `like` of nothing, a misspelled name.
  void require_all() {
    if (!draft_.like_found) return;
    const auto is_written = [&](const std::string& name) {
      return meant_.contains(name) ||
             std::ranges::any_of(draft_.entries, [&](const Item* i) { return i->key == name; });
    };
    const Span& header = draft_.section->header;
    for (const PortSpec& port : stage_.inputs) {
      if (port.optional || is_written(port.name)) continue;
      missing(header, fmt::format("{} needs port '{}', {}", draft_.full_name(), port.name, port.kind),
              fmt::format("write {} = \"NODE\" with a node that gives {}", port.name, port.kind));
    }
    for (const ParamSpec& param : stage_.params) {
      if (!param.required || is_written(param.name)) continue;
      missing(header, fmt::format("{} needs parameter '{}', {}", draft_.full_name(), param.name, to_text(param.type)),
              fmt::format("it is: {}", param.doc));
    }
  }

  void missing(const Span& place, std::string text, std::string hint) {
    draft_.sound = false;
    if (bench_.document.whole()) bench_.findings.error(place, std::move(text)).hint = std::move(hint);
  }

  /// Shards need instances to slice and verdicts to join.
  void check_shards() {
    const bool slices =
        std::ranges::any_of(stage_.inputs, [](const PortSpec& p) { return p.kind == "Instances" && !p.gathers; });
    const bool joins = std::ranges::any_of(stage_.outputs, [](const PortSpec& p) { return p.kind == "Verdicts"; });
    if (slices && joins) return;
    bench_.fault(draft_, *draft_.shards_written, fmt::format("{} cannot be split into shards", stage_name_)).hint =
        "only a stage that takes Instances and gives Verdicts can";
  }

  Workbench& bench_;
  Draft& draft_;
  const StageSpec& stage_;
  const std::string stage_name_;
  std::set<std::string> meant_;  ///< what misspelled names probably are
};

ParamValues defaults_of(const StageSpec& stage, const std::filesystem::path& folder) {
  ParamValues out;
  for (const ParamSpec& param : stage.params) {
    if (param.required) continue;
    out.emplace(param.name, param.file ? resolved_file(param.fallback, folder) : param.fallback);
  }
  return out;
}

}  // namespace

void read_entries(Workbench& bench) {
  std::map<const StageSpec*, ParamValues> defaults;
  for (Draft& draft : bench.drafts) {
    if (draft.stage == nullptr) continue;
    auto known = defaults.find(draft.stage);
    if (known == defaults.end()) known = defaults.emplace(draft.stage, defaults_of(*draft.stage, bench.folder)).first;
    EntryReader(bench, draft).read(known->second);
  }
}

}  // namespace espalier::pipeline
