// SPDX-License-Identifier: Apache-2.0
#include "pipeline/document.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <set>
#include <span>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.hpp"
#include "pipeline/axes.hpp"
#include "pipeline/toml_reader.hpp"
#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

const std::vector<Item>& items_of(const Node& node) {
  return std::get<Node::Table>(node.data).items;
}
bool is_table(const Node& node) {
  return std::holds_alternative<Node::Table>(node.data);
}
/// Whether the value opens a level of `[plugin.stage.node]`.
bool is_header(const Node& node) {
  return is_table(node) && std::get<Node::Table>(node.data).header;
}

struct Heading {
  std::string name;
  std::string title;
};

bool is_pipeline_name(std::string_view text) {
  const auto fits = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  };
  return !text.empty() && text[0] != '.' && text[0] != '-' && std::ranges::all_of(text, fits);
}

Heading read_heading(const Item& table, Diagnostics& findings) {
  Heading out;
  if (!is_table(table.value)) {
    findings.error(table.value.span, "'pipeline' is not a section").hint =
        "write [pipeline] and name = \"...\" below it";
    return out;
  }
  for (const Item& item : items_of(table.value)) {
    if (item.key != "name" && item.key != "title" && item.key != "doc") {
      findings.error(item.key_span, fmt::format("[pipeline] has no entry '{}'", item.key)).hint =
          suggestion(item.key, {"name", "title", "doc"}, "it has");
      continue;
    }
    const auto* text = std::get_if<std::string>(&item.value.data);
    if (text == nullptr) {
      findings.error(item.value.span, fmt::format("'{}' is text, not {}", item.key, described(item.value)));
      continue;
    }
    if (item.key == "title") out.title = *text;
    if (item.key != "name") continue;
    out.name = *text;
    if (!is_pipeline_name(*text)) {
      findings.error(item.value.span, fmt::format("name '{}' cannot be a folder's name", *text)).hint =
          "use letters, digits, '_', '-' and '.'";
    }
  }
  return out;
}

/// Nothing, with a finding, when the node cannot be an axis value.
std::optional<Value> axis_value(const Node& node, Diagnostics& findings) {
  if (const auto* integer = std::get_if<std::int64_t>(&node.data)) return Value(*integer);
  if (const auto* real = std::get_if<double>(&node.data); real != nullptr && !std::isnan(*real)) return Value(*real);
  const auto* text = std::get_if<std::string>(&node.data);
  if (text == nullptr) {
    findings.error(node.span, fmt::format("an axis value is text or a number, not {}", described(node)));
    return std::nullopt;
  }
  // These characters separate axes in node names and patterns.
  const auto separates = [](char c) {
    return std::string_view("@,=*?/\"'").find(c) != std::string_view::npos || c <= ' ';
  };
  if (text->empty() || *text == "by" || std::ranges::any_of(*text, separates)) {
    findings.error(node.span, fmt::format("'{}' cannot be the value of an axis", *text)).hint =
        "any text but 'by' can, without spaces, quotes and @ , = * ? /";
    return std::nullopt;
  }
  return Value(*text);
}

/// One type for all values of an axis: integers become reals beside reals, text stays alone.
void unify(Axis& axis, const Span& place, Diagnostics& findings) {
  const auto count = [&](ValueType t) { return std::ranges::count(axis.values, t, &Value::type); };
  const auto total = static_cast<std::ptrdiff_t>(axis.values.size());
  if (count(ValueType::text) != 0 && count(ValueType::text) != total) {
    findings.error(place, fmt::format("axis '{}' mixes text and numbers", axis.name)).hint = "put all values in quotes";
  }
  if (count(ValueType::real) == 0) return;
  for (Value& value : axis.values) {
    if (value.type() == ValueType::integer) value = Value(static_cast<double>(value.as<std::int64_t>()));
  }
}

void check_axis_name(const Item& item, Diagnostics& findings) {
  if (item.key == "shard") {
    findings.error(item.key_span, "an axis cannot be called 'shard'").hint = "names of sharded nodes use it";
  } else if (!is_name(item.key)) {
    findings.error(item.key_span, fmt::format("axis name '{}' is not [a-z][a-z0-9_]*", item.key));
  }
}

Axis read_axis(const Item& item, Diagnostics& findings) {
  Axis axis{item.key, {}, item.key_span};
  check_axis_name(item, findings);
  const auto* list = std::get_if<std::vector<Node>>(&item.value.data);
  if (list == nullptr || list->empty()) {
    findings.error(item.value.span, fmt::format("axis '{}' needs a list of values", item.key)).hint =
        fmt::format("write {} = [\"a\", \"b\"]", item.key);
    return axis;
  }
  for (const Node& node : *list) {
    if (auto value = axis_value(node, findings)) axis.values.push_back(std::move(*value));
  }
  unify(axis, item.value.span, findings);
  std::set<std::string> seen;
  for (const Value& value : axis.values) {
    if (!seen.insert(label_of(value)).second) {
      findings.error(item.value.span, fmt::format("axis '{}' has the value '{}' twice", item.key, label_of(value)));
    }
  }
  return axis;
}

std::vector<Axis> read_axes(const Item& table, Diagnostics& findings) {
  std::vector<Axis> out;
  if (!is_table(table.value)) {
    findings.error(table.value.span, "'axes' is not a section").hint = "write [axes] and name = [values] below it";
    return out;
  }
  for (const Item& item : items_of(table.value)) out.push_back(read_axis(item, findings));
  if (out.size() > kMostAxes) {
    findings.error(out[kMostAxes].span, fmt::format("{} axes are more than {}", out.size(), kMostAxes));
    out.resize(kMostAxes);
  }
  return out;
}

/// `[[a.b.c]]`: its value begins before its key.
bool has_double_brackets(const Item& item) {
  return std::holds_alternative<std::vector<Node>>(item.value.data) && item.value.span.line == item.key_span.line &&
         item.value.span.column < item.key_span.column;
}

/// Takes the sections out of one `[plugin...]` tree; everything that is not three levels deep is a finding.
class SectionReader {
 public:
  SectionReader(std::vector<Section>& out, Diagnostics& findings) : out_(out), findings_(findings) {}

  void read(Item& plugin) {
    const auto meant = core::closest(plugin.key, std::vector<std::string>{"pipeline", "axes"});
    require_headers(
        plugin.value, fmt::format("[{}]", plugin.key),
        meant ? fmt::format("did you mean [{}]?", *meant) : fmt::format("write [{}.STAGE.NAME]", plugin.key));
    for (Item& stage : std::get<Node::Table>(plugin.value.data).items) {
      if (!is_header(stage.value)) continue;
      require_headers(stage.value, fmt::format("[{}.{}]", plugin.key, stage.key),
                      fmt::format("write [{}.{}.NAME]", plugin.key, stage.key));
      for (Item& node : std::get<Node::Table>(stage.value.data).items) {
        if (is_header(node.value)) add(plugin.key, stage.key, node);
      }
    }
  }

 private:
  /// Reports a table that holds entries, where only deeper sections belong. Entries have a header of their own above
  /// them, so the table's place is that header.
  void require_headers(const Node& table, const std::string& header, const std::string& better) {
    const std::vector<Item>& items = items_of(table);
    const auto stray = std::ranges::find_if(items, [](const Item& i) { return !is_header(i.value); });
    if (stray == items.end() && !items.empty()) return;
    if (stray != items.end() && has_double_brackets(*stray)) {
      findings_.error(stray->value.span, "a section has single brackets").hint = "write [plugin.stage.node]";
      return;
    }
    findings_.error(table.span, fmt::format("section {} is not [plugin.stage.node]", header)).hint = better;
  }

  void add(const std::string& plugin, const std::string& stage, Item& node) {
    Section section{plugin, stage, node.key, node.value.span, {}};
    for (Item& item : std::get<Node::Table>(node.value.data).items) {
      if (is_header(item.value)) {
        const std::string outer = fmt::format("{}.{}.{}", plugin, stage, node.key);
        findings_.error(item.value.span, fmt::format("section [{}.{}] is not [plugin.stage.node]", outer, item.key))
            .hint = fmt::format("write {} = {{ ... }} under [{}]", item.key, outer);
      } else {
        section.items.push_back(std::move(item));
      }
    }
    out_.push_back(std::move(section));
  }

  std::vector<Section>& out_;
  Diagnostics& findings_;
};

void report_stray(const Item& item, Diagnostics& findings) {
  findings.error(item.key_span, fmt::format("'{}' stands outside of every section", item.key)).hint =
      "put it below [pipeline] or below a [plugin.stage.node]";
}

Span command_line() {
  return {"--set", 0, 0, 1};
}

void place_on_command_line(Node& node) {
  node.span = command_line();
  if (auto* list = std::get_if<std::vector<Node>>(&node.data)) {
    for (Node& element : *list) place_on_command_line(element);
  }
  if (auto* table = std::get_if<Node::Table>(&node.data)) {
    for (Item& item : table->items) {
      item.key_span = command_line();
      place_on_command_line(item.value);
    }
  }
}

/// A value in TOML syntax, or a bare word as text; nothing when it is neither.
std::optional<Node> command_line_value(const std::string& text) {
  Diagnostics ignored;
  TomlText parsed = read_toml("--set", "value = " + text, ignored);
  std::vector<Item>& items = std::get<Node::Table>(parsed.root.data).items;
  if (parsed.whole && ignored.all().empty()) {
    if (items.size() != 1 || items[0].key != "value") return std::nullopt;
    place_on_command_line(items[0].value);
    return std::move(items[0].value);
  }
  const bool quoted = text.empty() || std::string_view("\"'[{").find(text[0]) != std::string_view::npos;
  if (quoted || text.find('\n') != std::string::npos) return std::nullopt;
  return Node{text, command_line()};
}

std::string header_of(const Section& section) {
  return fmt::format("{}.{}.{}", section.plugin, section.stage, section.node);
}

using Keys = std::vector<std::string>;

/// The keys behind a node's name in `left`; none when it does not begin with that.
Keys keys_behind(const std::string& name, std::string_view left) {
  Keys keys;
  if (!left.starts_with(name + '.')) return keys;
  std::istringstream rest{std::string(left.substr(name.size() + 1))};
  for (std::string key; std::getline(rest, key, '.');) keys.push_back(std::move(key));
  return keys;
}

/// Replaces or adds what the keys lead to. False when one before the last does not lead to a table.
bool put(std::vector<Item>& items, std::span<const std::string> keys, const Node& value) {
  const auto it = std::ranges::find(items, keys.front(), &Item::key);
  if (keys.size() > 1) {
    auto* const table = it == items.end() ? nullptr : std::get_if<Node::Table>(&it->value.data);
    return table != nullptr && put(table->items, keys.subspan(1), value);
  }
  if (it == items.end()) {
    items.push_back({keys.front(), command_line(), value});
  } else {
    *it = {keys.front(), command_line(), value};
  }
  return true;
}

}  // namespace

Document Document::parse(const std::string& file, std::string_view text, Diagnostics& findings) {
  Document out;
  out.file_ = file;
  out.text_ = text;
  TomlText toml = read_toml(file, text, findings);
  out.whole_ = toml.whole;
  SectionReader sections(out.sections_, findings);
  Heading heading;
  for (Item& item : std::get<Node::Table>(toml.root.data).items) {
    if (item.key == "pipeline") {
      heading = read_heading(item, findings);
    } else if (item.key == "axes") {
      out.axes_ = read_axes(item, findings);
    } else if (is_header(item.value)) {
      sections.read(item);
    } else {
      report_stray(item, findings);
    }
  }
  std::ranges::sort(out.sections_, [](const Section& a, const Section& b) {
    return std::pair(a.header.line, a.header.column) < std::pair(b.header.line, b.header.column);
  });
  out.name_ = heading.name.empty() ? std::filesystem::path(file).stem().string() : heading.name;
  out.title_ = heading.title;
  return out;
}

void Document::set(std::string_view assignment, Diagnostics& findings) {
  const auto equals = assignment.find('=');
  const std::string_view left = assignment.substr(0, equals);
  const auto dot = left.rfind('.');
  const bool has_gap = left.starts_with('.') || left.ends_with('.') || left.find("..") != std::string_view::npos;
  if (equals == std::string_view::npos || dot == std::string_view::npos || has_gap) {
    findings.error(command_line(), fmt::format("'{}' is not NODE.PARAM=VALUE", assignment)).hint =
        "write, say, --set base.epochs=5";
    return;
  }
  const std::optional<Node> value = command_line_value(std::string(assignment.substr(equals + 1)));
  if (!value) {
    findings.error(command_line(), fmt::format("the value in '{}' is not a TOML value", assignment)).hint =
        "close brackets and quotes, and mind that the shell eats quotes";
  }
  // A node may be called like a plugin: a whole header says more.
  const bool by_header = std::ranges::any_of(
      sections_, [&](const Section& section) { return !keys_behind(header_of(section), left).empty(); });
  std::vector<std::string> names;
  bool found = false;
  for (Section& section : sections_) {
    names.push_back(section.node);
    Keys keys = keys_behind(by_header ? header_of(section) : section.node, left);
    if (keys.empty()) continue;
    found = true;
    if (!value || put(section.items, keys, *value)) continue;
    keys.pop_back();
    const std::string outer = fmt::to_string(fmt::join(keys, "."));
    findings
        .error(command_line(),
               fmt::format("'{}' of '{}' is no table, so '{}' leads nowhere", outer, section.node, left))
        .hint = fmt::format("give --set {}.{}=VALUE", section.node, outer);
  }
  if (!found) {
    const std::string node(left.substr(0, dot));
    findings.error(command_line(), fmt::format("there is no node '{}' for '{}'", node, assignment)).hint =
        node_suggestion(node, names);
  }
}

}  // namespace espalier::pipeline
