// SPDX-License-Identifier: Apache-2.0
// Between sections: references, kinds, order, cycles.
#include <algorithm>
#include <functional>
#include <queue>

#include <fmt/format.h>

#include "core/text.hpp"
#include "pipeline/draft.hpp"
#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

/// "node.output@axis=value,axis=value", taken apart.
struct ReferenceText {
  std::string_view node;
  std::string_view output;
  std::string_view fixed;
};

ReferenceText take_apart(std::string_view text) {
  ReferenceText out;
  const auto at = text.find('@');
  if (at != std::string_view::npos) out.fixed = text.substr(at + 1);
  out.node = text.substr(0, at);
  const auto dot = out.node.find('.');
  if (dot != std::string_view::npos) {
    out.output = out.node.substr(dot + 1);
    out.node = out.node.substr(0, dot);
  }
  return out;
}

/// Resolves the references of one draft.
class Connector {
 public:
  Connector(Workbench& bench, Draft& draft) : bench_(bench), draft_(draft) {}

  void connect() {
    for (std::size_t i = 0; i < draft_.ports.size(); ++i) {
      if (!draft_.ports[i]) continue;
      const PortSpec& port = draft_.stage->inputs[i];
      for (const Node* leaf : draft_.ports[i]->varied.leaves) {
        connect_leaf(port, *leaf, draft_.ports[i]->leaves.emplace_back());
      }
    }
  }

 private:
  std::string subject(const PortSpec& port) const {
    return fmt::format("port '{}' of {}", port.name, draft_.full_name());
  }

  void connect_leaf(const PortSpec& port, const Node& leaf, std::vector<Reference>& out) {
    if (const auto* named = std::get_if<Node::Table>(&leaf.data)) return connect_named(port, *named, out);
    const auto* list = std::get_if<std::vector<Node>>(&leaf.data);
    if (list == nullptr) return connect_one(port, leaf, out);
    if (!port.gathers) {
      bench_.fault(draft_, leaf.span, subject(port) + " takes one artifact, not a list");
      return;
    }
    if (list->empty() && !port.optional) bench_.fault(draft_, leaf.span, subject(port) + " gets an empty list");
    for (const Node& element : *list) connect_one(port, element, out);
  }

  void connect_named(const PortSpec& port, const Node::Table& table, std::vector<Reference>& out) {
    for (const Item& item : table.items) {
      const std::size_t first = out.size();
      const bool is_list = std::holds_alternative<std::vector<Node>>(item.value.data);
      is_list ? connect_leaf(port, item.value, out) : connect_one(port, item.value, out);
      for (std::size_t i = first; i < out.size(); ++i) out[i].name = item.key;
    }
  }

  void connect_one(const PortSpec& port, const Node& node, std::vector<Reference>& out) {
    const auto* text = std::get_if<std::string>(&node.data);
    if (text == nullptr) {
      bench_.fault(draft_, node.span,
                   fmt::format("{} wants the name of a node, got {}", subject(port), described(node)));
      return;
    }
    const ReferenceText parts = take_apart(*text);
    const auto producer = bench_.section_named(parts.node);
    if (!producer) {
      unknown_node(parts, node);
      return;
    }
    Reference reference;
    reference.producer = *producer;
    reference.written = &node;
    const Draft& from = bench_.drafts[static_cast<std::size_t>(*producer)];
    const bool fixed = fix_axes(parts.fixed, node, reference);
    if (from.stage == nullptr) {
      draft_.sound = false;
    } else if (const auto output = output_of(port, node, from, parts.output); output && fixed) {
      reference.output = *output;
      out.push_back(std::move(reference));
    }
  }

  void unknown_node(const ReferenceText& parts, const Node& node) {
    draft_.sound = false;
    if (!bench_.document.whole()) return;
    const auto& text = std::get<std::string>(node.data);
    Diagnostic& d = bench_.findings.error(
        node.span, fmt::format("there is no node '{}'", parts.output.empty() ? parts.node : text));
    const std::string_view name = std::string_view(text).substr(0, text.find('@'));
    const std::string_view last = name.substr(name.rfind('.') + 1);
    d.hint = bench_.section_named(last) ? fmt::format("did you mean '{}'?", last) : bench_.near_node(parts.node);
  }

  bool fix_axes(std::string_view text, const Node& node, Reference& out) {
    while (!text.empty()) {
      const std::string_view part = text.substr(0, text.find(','));
      text.remove_prefix(std::min(text.size(), part.size() + 1));
      const auto equals = part.find('=');
      if (equals == std::string_view::npos) {
        bench_.fault(draft_, node.span, fmt::format("'{}' fixes no axis", part)).hint =
            "write NODE@axis=value,axis=value";
        return false;
      }
      const auto axis = bench_.axis_named(std::string(part.substr(0, equals)), node.span);
      if (!axis) return draft_.sound = false;
      const Axis& known = bench_.axes()[static_cast<std::size_t>(*axis)];
      const std::string_view wanted = part.substr(equals + 1);
      const auto value = find_value(known, wanted);
      if (!value) {
        bench_.fault(draft_, node.span, fmt::format("axis '{}' has no value '{}'", known.name, wanted)).hint =
            suggestion(wanted, value_labels(known), "it has");
        return false;
      }
      out.fixed.emplace_back(*axis, *value);
    }
    return true;
  }

  /// The output a reference means: the named one, or the only one of the port's kind.
  std::optional<int> output_of(const PortSpec& port, const Node& node, const Draft& from, std::string_view name) {
    std::vector<std::string> names;
    std::vector<std::string> kinds;
    std::vector<std::string> fitting;
    std::optional<int> found;
    for (std::size_t i = 0; i < from.stage->outputs.size(); ++i) {
      const PortSpec& output = from.stage->outputs[i];
      if (from.shards > 1 && output.kind != "Verdicts") continue;  // only verdicts are joined
      if (!name.empty() && output.name != name) {
        names.push_back(output.name);
        continue;
      }
      kinds.push_back(output.kind);
      if (output.kind != port.kind) continue;
      fitting.push_back(fmt::format("{}.{}", from.section->node, output.name));
      if (!found) found = static_cast<int>(i);
    }
    if (fitting.size() == 1) return found;
    if (!name.empty() && kinds.empty()) {
      bench_.fault(draft_, node.span, fmt::format("{} has no output '{}'", from.full_name(), name)).hint =
          suggestion(name, names, "it has");
    } else if (fitting.empty()) {
      draft_.sound = false;
      bench_.wrong_kinds.push_back(
          {.draft = &draft_,
           .place = node.span,
           .text = fmt::format("{} wants {}, '{}' gives {}", subject(port), port.kind, from.section->node,
                               kinds.empty() ? "nothing" : core::join(kinds, " and ")),
           .wanted = port.kind});
    } else {
      bench_.fault(draft_, node.span, fmt::format("'{}' has several outputs of kind {}", from.section->node, port.kind))
          .hint = "name one: " + core::quoted_list(fitting);
    }
    return std::nullopt;
  }

  Workbench& bench_;
  Draft& draft_;
};

/// Walks upstream from `start` among the sections left over until one comes again; that part of the path is a cycle.
class CycleFinder {
 public:
  CycleFinder(Workbench& bench, const std::vector<bool>& done) : bench_(bench), done_(done), seen_(done.size()) {}

  void walk(int start) {
    std::vector<const Reference*> path;
    int here = start;
    while (!seen_[at(here)]) {
      seen_[at(here)] = start;
      path.push_back(&upstream(here));
      here = path.back()->producer;
    }
    if (seen_[at(here)] == start) report(path, here);
  }

 private:
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }

  /// Some reference to a section that is not done; there is one, else this section would be done.
  const Reference& upstream(int section) const {
    const Reference* out = nullptr;
    bench_.drafts[at(section)].each_reference([&](const Reference& r) {
      if (out == nullptr && !done_[at(r.producer)]) out = &r;
    });
    return *out;
  }

  void report(const std::vector<const Reference*>& path, int again) {
    std::size_t first = path.size();  // the cycle is the last part of the path, from where `again` is used
    std::string text = fmt::format("'{}'", bench_.drafts[at(again)].section->node);
    std::vector<std::string> names;
    do {
      --first;
      names.push_back(fmt::format("'{}'", bench_.drafts[at(path[first]->producer)].section->node));
    } while (first > 0 && path[first - 1]->producer != again);
    std::reverse(names.begin(), names.end());
    constexpr std::size_t kShown = 10;
    const std::size_t length = names.size();
    if (length > kShown) names.erase(names.begin() + kShown / 2, names.end() - kShown / 2);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (length > kShown && i == kShown / 2) text += fmt::format(" needs ... {} more ...", length - kShown);
      text += " needs " + names[i];
    }
    bench_.findings.error(path[first]->written->span, "nodes need each other in a circle: " + text).hint =
        "let one of them take from a section outside of it";
  }

  Workbench& bench_;
  const std::vector<bool>& done_;
  std::vector<std::optional<int>> seen_;  ///< from which start a section was first reached
};

/// Which sections give such a thing: "Network comes from 'base' and 'pruned'". Not those in or below a circle.
std::string givers_text(const Workbench& bench, const std::vector<bool>& done, const WrongKind& wrong) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < bench.drafts.size() && names.size() < kShown; ++i) {
    const Draft& other = bench.drafts[i];
    if (&other == wrong.draft || other.stage == nullptr || !done[i]) continue;
    const auto& outputs = other.stage->outputs;
    const bool gives = std::ranges::find(outputs, wrong.wanted, &PortSpec::kind) != outputs.end();
    if (gives) names.push_back(other.section->node);
  }
  if (names.empty()) return fmt::format("no other section gives {}", wrong.wanted);
  return fmt::format("{} comes from {}", wrong.wanted, core::quoted_list(names));
}

void report_wrong_kinds(Workbench& bench, const std::vector<bool>& done) {
  for (const WrongKind& wrong : bench.wrong_kinds) {
    bench.fault(*wrong.draft, wrong.place, wrong.text).hint = givers_text(bench, done, wrong);
  }
}

}  // namespace

void connect_ports(Workbench& bench) {
  for (Draft& draft : bench.drafts) {
    if (draft.stage != nullptr) Connector(bench, draft).connect();
  }
}

std::vector<int> section_order(Workbench& bench) {
  const std::size_t count = bench.drafts.size();
  std::vector<std::vector<int>> users(count);
  std::vector<int> waiting(count);
  for (std::size_t i = 0; i < count; ++i) {
    bench.drafts[i].each_reference([&](const Reference& r) {
      users[static_cast<std::size_t>(r.producer)].push_back(static_cast<int>(i));
      ++waiting[i];
    });
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) ready.push(static_cast<int>(i));
  }
  std::vector<int> order;
  std::vector<bool> done(count);
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    order.push_back(next);
    done[static_cast<std::size_t>(next)] = true;
    for (const int user : users[static_cast<std::size_t>(next)]) {
      if (--waiting[static_cast<std::size_t>(user)] == 0) ready.push(user);
    }
  }
  report_wrong_kinds(bench, done);
  CycleFinder cycles(bench, done);
  for (std::size_t i = 0; i < count; ++i) {
    if (!done[i]) cycles.walk(static_cast<int>(i));
  }
  return order;
}

}  // namespace espalier::pipeline
