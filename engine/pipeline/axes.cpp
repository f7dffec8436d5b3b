// SPDX-License-Identifier: Apache-2.0
#include "pipeline/axes.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

std::optional<double> as_number(std::string_view text) {
  double out = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return out;
}

double number_of(const Value& value) {
  return value.type() == ValueType::real ? value.as<double>() : static_cast<double>(value.as<std::int64_t>());
}

Node node_of(const Value& value, const Span& span) {
  Node out;
  out.span = span;
  if (value.type() == ValueType::integer) out.data = value.as<std::int64_t>();
  if (value.type() == ValueType::real) out.data = value.as<double>();
  if (value.type() == ValueType::text) out.data = value.as<std::string>();
  return out;
}

}  // namespace

std::string label_of(const Value& value) {
  return value.type() == ValueType::text ? value.as<std::string>() : value.text();
}

std::optional<int> find_axis(const std::vector<Axis>& axes, std::string_view name) {
  const auto it = std::ranges::find(axes, name, &Axis::name);
  if (it == axes.end()) return std::nullopt;
  return static_cast<int>(it - axes.begin());
}

std::optional<int> find_value(const Axis& axis, std::string_view text) {
  const std::optional<double> number = as_number(text);
  for (std::size_t i = 0; i < axis.values.size(); ++i) {
    const Value& value = axis.values[i];
    const bool same = value.type() == ValueType::text ? value.as<std::string>() == text
                                                      : number.has_value() && number_of(value) == *number;
    if (same) return static_cast<int>(i);
  }
  return std::nullopt;
}

std::vector<std::string> axis_names(const std::vector<Axis>& axes) {
  std::vector<std::string> out;
  for (const Axis& axis : axes) out.push_back(axis.name);
  return out;
}

std::vector<std::string> value_labels(const Axis& axis) {
  std::vector<std::string> out;
  for (const Value& value : axis.values) out.push_back(label_of(value));
  return out;
}

Space::Space(const std::vector<Axis>& axes, AxisMask mask) {
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if ((mask & mask_of(static_cast<int>(i))) == 0) continue;
    const auto count = static_cast<std::int64_t>(axes[i].values.size());
    dimensions_.push_back({static_cast<int>(i), count});
    size_ = std::min(size_ * std::min(count, kHuge), kHuge);
    if (size_ == kHuge) return;  // too many to be used; what matters is that the size says so
  }
}

void Space::place(std::int64_t index, Coordinates& out) const {
  for (auto d = dimensions_.rbegin(); d != dimensions_.rend(); ++d) {
    out[static_cast<std::size_t>(d->axis)] = static_cast<int>(index % d->size);
    index /= d->size;
  }
}

std::int64_t Space::index_of(const Coordinates& at) const {
  std::int64_t index = 0;
  for (const Dimension& d : dimensions_) index = index * d.size + at[static_cast<std::size_t>(d.axis)];
  return index;
}

const Variation& Variation::pick(const Coordinates& at) const {
  const Variation* here = this;
  while (here->form == Form::by_axis) {
    here = &here->branches[static_cast<std::size_t>(at[static_cast<std::size_t>(here->axis)])];
  }
  return *here;
}

Varied VariationReader::read(const Node& node) {
  Varied out;
  const std::size_t before = findings_.all().size();
  out.root = read_any(node, out);
  out.sound = out.sound && findings_.all().size() == before;
  return out;
}

Varied VariationReader::constant(const Node& node) const {
  Varied out;
  out.root = leaf(node, out);
  return out;
}

Variation VariationReader::leaf(const Node& node, Varied& out) const {
  out.leaves.push_back(&node);
  return {.form = Variation::Form::leaf, .index = static_cast<int>(out.leaves.size()) - 1, .branches = {}};
}

Variation VariationReader::read_any(const Node& node, Varied& out) {
  return std::holds_alternative<Node::Table>(node.data) ? read_table(node, out) : leaf(node, out);
}

Variation VariationReader::read_table(const Node& node, Varied& out) {
  const std::vector<Item>& items = std::get<Node::Table>(node.data).items;
  const auto by = std::ranges::find(items, std::string_view("by"), &Item::key);
  if (by == items.end()) {
    findings_.error(node.span, "a table here needs 'by', the axis its values go by").hint =
        "write { by = \"axis\", value1 = ..., value2 = ... }";
    return {};
  }
  const auto levels = read_by(by->value);
  if (!levels) {
    out.sound = false;
    return {};
  }
  if (items.size() == 1 && levels->size() == 1) return own_values(node, levels->front(), out);
  return read_level(node, *levels, 0, out);
}

std::optional<std::vector<int>> VariationReader::read_by(const Node& by) {
  std::vector<const Node*> named{&by};
  if (const auto* list = std::get_if<std::vector<Node>>(&by.data)) {
    named.clear();
    for (const Node& node : *list) named.push_back(&node);
  }
  std::vector<int> out;
  for (const Node* node : named) {
    const auto* name = std::get_if<std::string>(&node->data);
    if (name == nullptr) {
      findings_.error(node->span, fmt::format("'by' wants the name of an axis, got {}", described(*node)));
      return std::nullopt;
    }
    const auto axis = find_axis(document_.axes(), *name);
    if (!axis) {
      if (document_.whole()) {
        findings_.error(node->span, fmt::format("there is no axis '{}'", *name)).hint =
            axis_suggestion(*name, axis_names(document_.axes()));
      }
      return std::nullopt;
    }
    out.push_back(*axis);
  }
  if (out.empty()) {
    findings_.error(by.span, "'by' names no axis");
    return std::nullopt;
  }
  return out;
}

Variation VariationReader::own_values(const Node& node, int axis, Varied& out) {
  Variation here{.form = Variation::Form::by_axis, .axis = axis, .written = &node, .branches = {}};
  out.axes |= mask_of(axis);
  for (const Value& value : document_.axes()[static_cast<std::size_t>(axis)].values) {
    here.branches.push_back(leaf(made_.emplace_back(node_of(value, node.span)), out));
  }
  return here;
}

Variation VariationReader::read_level(const Node& node, const std::vector<int>& levels, std::size_t level,
                                      Varied& out) {
  const int axis_index = levels[level];
  const Axis& axis = document_.axes()[static_cast<std::size_t>(axis_index)];
  Variation here{.form = Variation::Form::by_axis, .axis = axis_index, .written = &node, .branches = {}};
  out.axes |= mask_of(axis_index);
  for (std::size_t v = 0; v < axis.values.size(); ++v) {
    here.branches.push_back({.axis = axis_index, .index = static_cast<int>(v), .written = &node, .branches = {}});
  }
  for (const Item& item : std::get<Node::Table>(node.data).items) {
    if (level == 0 && item.key == "by") continue;
    const auto value = find_value(axis, item.key);
    if (!value) {
      findings_.error(item.key_span, fmt::format("axis '{}' has no value '{}'", axis.name, item.key)).hint =
          suggestion(item.key, value_labels(axis), "it has");
      continue;
    }
    const auto* table = std::get_if<Node::Table>(&item.value.data);
    const bool goes_deeper = table != nullptr && level + 1 < levels.size() &&
                             std::ranges::find(table->items, std::string_view("by"), &Item::key) == table->items.end();
    here.branches[static_cast<std::size_t>(*value)] =
        goes_deeper ? read_level(item.value, levels, level + 1, out) : read_any(item.value, out);
  }
  return here;
}

}  // namespace espalier::pipeline
