// SPDX-License-Identifier: Apache-2.0
// Specs are data, checked as data, once: when a plugin is added to the registry.
#include "plugin/spec_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::plugin {
namespace {

/// Keys that the pipeline language itself uses inside a section, and tables it uses at the top of a file.
constexpr std::array<std::string_view, 5> kReservedKeys{"like", "only", "shards", "doc", "per"};
constexpr std::array<std::string_view, 2> kReservedTables{"pipeline", "axes"};

bool is_name(std::string_view text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto rest = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && lower(text[0]) && std::all_of(text.begin(), text.end(), rest);
}

bool is_kind_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !text.empty() && text[0] >= 'A' && text[0] <= 'Z' && std::all_of(text.begin(), text.end(), letter);
}

bool holds_numbers(ValueType type) {
  return type == ValueType::integer || type == ValueType::real || type == ValueType::integers ||
         type == ValueType::reals;
}
bool holds_text(ValueType type) {
  return type == ValueType::text || type == ValueType::texts;
}

/// Collects findings under a heading: "stage 'halve': parameter 'rate': has no doc".
class Findings {
 public:
  Findings(std::vector<std::string>& all, std::string place) : all_(&all), place_(std::move(place)) {}
  Findings in(const std::string& place) const { return {*all_, place_.empty() ? place : place_ + ": " + place}; }
  void add(const std::string& text) const { all_->push_back(place_.empty() ? text : place_ + ": " + text); }
  void require(bool holds, const std::string& text) const {
    if (!holds) add(text);
  }

 private:
  std::vector<std::string>* all_;
  std::string place_;
};

void check_name(const std::string& name, const Findings& findings) {
  findings.require(is_name(name), fmt::format("name '{}' is not [a-z][a-z0-9_]*", name));
}

void check_key(const std::string& name, std::set<std::string>& seen, const Findings& findings) {
  check_name(name, findings);
  findings.require(std::ranges::find(kReservedKeys, name) == kReservedKeys.end(),
                   fmt::format("name '{}' is reserved by the pipeline language", name));
  findings.require(seen.insert(name).second, "name is used twice in this stage");
}

void check_limits(const ParamSpec& p, const Findings& findings) {
  findings.require((!p.min && !p.max) || holds_numbers(p.type), "has a range but is not a number");
  findings.require(p.choices.empty() || holds_text(p.type), "has choices but is not text");
  findings.require(!p.min || !std::isnan(*p.min), "has NaN as its lower limit");
  findings.require(!p.max || !std::isnan(*p.max), "has NaN as its upper limit");
  if (p.min && p.max) findings.require(*p.min <= *p.max, fmt::format("range [{}, {}] is empty", *p.min, *p.max));
  const std::set<std::string> distinct(p.choices.begin(), p.choices.end());
  findings.require(distinct.size() == p.choices.size(), "has a choice twice");
}

std::string shown(const Value& value) {
  const double* real = std::get_if<double>(&value.data());
  return real != nullptr && std::isnan(*real) ? "nan" : value.text();
}

void check_value(const ParamSpec& p, const Value& value, std::string_view role, const Findings& findings) {
  if (value.type() != p.type) {
    findings.add(fmt::format("{} is {}, the parameter is {}", role, to_text(value.type()), to_text(p.type)));
  } else if (!admits(p, value)) {
    const std::string wanted = admitted_text(p);
    findings.add(fmt::format("{} {} is not {}", role, shown(value), wanted.empty() ? "a number" : wanted));
  }
}

void check_param(const ParamSpec& p, const Findings& findings) {
  findings.require(!p.doc.empty(), "has no doc");
  check_limits(p, findings);
  if (!p.required) check_value(p, p.fallback, "default", findings);
  if (p.neutral) check_value(p, *p.neutral, "neutral value", findings);
  findings.require(!p.file || holds_text(p.type), "is a file but not text");
  findings.require(!p.file || !p.execution, "is a file, which enters the key, and execution, which does not");
}

void check_port(const PortSpec& port, const std::function<bool(std::string_view)>& knows_kind,
                const Findings& findings) {
  findings.require(!port.doc.empty(), "has no doc");
  findings.require(knows_kind(port.kind), fmt::format("kind '{}' is not known", port.kind));
  findings.require(!port.labelled || port.gathers, "is labelled but does not gather");
}

void check_members(const StageSpec& stage, const Findings& findings) {
  for (std::size_t i = 0; i < stage.params.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const ParamSpec& first = stage.params[j];
      const ParamSpec& second = stage.params[i];
      if (second.member && second.member == first.member) {
        findings.add(fmt::format("parameters '{}' and '{}' are bound to one member", first.name, second.name));
      }
    }
  }
}

void check_stage(const StageSpec& stage, const std::function<bool(std::string_view)>& knows_kind,
                 const Findings& findings) {
  check_name(stage.name, findings);
  findings.require(!stage.doc.empty(), "has no doc");
  findings.require(stage.revision >= 1, fmt::format("revision {} is not at least 1", stage.revision));
  findings.require(!stage.outputs.empty(), "has no output");
  findings.require(is_name(stage.lane), fmt::format("lane '{}' is not [a-z][a-z0-9_]*", stage.lane));
  std::set<std::string> outputs;
  for (const PortSpec& port : stage.outputs) {
    const Findings here = findings.in(fmt::format("output '{}'", port.name));
    check_key(port.name, outputs, here);
    check_port(port, knows_kind, here);
    here.require(!port.gathers && !port.optional, "an output neither gathers nor is optional");
  }
  // Inputs and parameters share one table in a pipeline. An output may be called like an input, a parameter may not.
  std::set<std::string> keys;
  for (const PortSpec& port : stage.inputs) {
    const Findings here = findings.in(fmt::format("input '{}'", port.name));
    check_key(port.name, keys, here);
    check_port(port, knows_kind, here);
  }
  for (const ParamSpec& p : stage.params) {
    const Findings here = findings.in(fmt::format("parameter '{}'", p.name));
    check_key(p.name, keys, here);
    here.require(!outputs.contains(p.name), "is called like an output");
    check_param(p, here);
  }
  check_members(stage, findings);
}

template <class T>
bool in_range(const ParamSpec& p, T number) {
  const auto x = static_cast<double>(number);
  return !std::isnan(x) && (!p.min || x >= *p.min) && (!p.max || x <= *p.max);
}

bool in_choices(const ParamSpec& p, const std::string& text) {
  return p.choices.empty() || std::ranges::find(p.choices, text) != p.choices.end();
}

struct Admits {
  const ParamSpec& p;
  bool operator()(bool) const { return true; }
  bool operator()(std::int64_t number) const { return in_range(p, number); }
  bool operator()(double number) const { return in_range(p, number); }
  bool operator()(const std::string& text) const { return in_choices(p, text); }
  template <class T>
  bool operator()(const std::vector<T>& list) const {
    return std::all_of(list.begin(), list.end(), [this](const T& element) { return (*this)(element); });
  }
};

}  // namespace

bool admits(const ParamSpec& param, const Value& value) {
  return value.type() == param.type && std::visit(Admits{param}, value.data());
}

std::string admitted_text(const ParamSpec& param) {
  if (!param.choices.empty()) return fmt::format("one of '{}'", core::join(param.choices, "', '"));
  if (param.min && param.max) return fmt::format("in [{}, {}]", *param.min, *param.max);
  if (param.min) return fmt::format("at least {}", *param.min);
  if (param.max) return fmt::format("at most {}", *param.max);
  return {};
}

bool can_be_sharded(const StageSpec& stage) {
  return std::ranges::any_of(stage.inputs, [](const PortSpec& p) { return p.kind == "Instances" && !p.gathers; }) &&
         std::ranges::any_of(stage.outputs, [](const PortSpec& p) { return p.kind == "Verdicts"; });
}

std::vector<std::string> spec_faults(const PluginSpec& plugin,
                                     const std::function<bool(std::string_view)>& knows_kind) {
  std::vector<std::string> all;
  const Findings findings(all, "");
  check_name(plugin.name, findings);
  findings.require(std::ranges::find(kReservedTables, plugin.name) == kReservedTables.end(),
                   fmt::format("plugin name '{}' is reserved by the pipeline language", plugin.name));
  findings.require(!plugin.doc.empty(), "the plugin has no doc");
  findings.require(!plugin.version.empty(), "the plugin has no version");
  findings.require(!plugin.stages.empty() || !plugin.kinds.empty(), "the plugin has neither stages nor kinds");
  std::set<std::string, std::less<>> own_kinds;
  for (const KindSpec& kind : plugin.kinds) {
    const Findings here = findings.in(fmt::format("kind '{}'", kind.name));
    here.require(is_kind_name(kind.name), "name is not [A-Z][A-Za-z0-9]*");
    here.require(!kind.doc.empty(), "has no doc");
    here.require(kind.format >= 1, fmt::format("format {} is not at least 1", kind.format));
    here.require(own_kinds.insert(kind.name).second, "is defined twice");
  }
  const auto knows = [&](std::string_view name) { return own_kinds.contains(name) || knows_kind(name); };
  std::set<std::string> names;
  for (const StageSpec& stage : plugin.stages) {
    const Findings here = findings.in(fmt::format("stage '{}'", stage.name));
    here.require(names.insert(stage.name).second, "is defined twice");
    check_stage(stage, knows, here);
  }
  return all;
}

}  // namespace espalier::plugin
