// SPDX-License-Identifier: Apache-2.0
#include "pipeline/graph.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include <espalier/report.hpp>

#include "pipeline/external_filter.hpp"

namespace espalier::pipeline {
namespace {

struct Colour {
  const char* fill;
  const char* line;
};
/// Soft fills that dark text stays readable on; neighbours differ in hue.
constexpr std::array<Colour, 9> kColours{{{"#e3eefb", "#5b8bc9"},
                                          {"#e4f4e4", "#5f9e62"},
                                          {"#fdebd8", "#d08a3c"},
                                          {"#f1e6f8", "#9265b5"},
                                          {"#fbe3e3", "#c65f5f"},
                                          {"#def3f3", "#3f9a9a"},
                                          {"#fbf3cf", "#b39a2a"},
                                          {"#f0e9e1", "#94785a"},
                                          {"#fae3f0", "#bd5f96"}}};

/// All plan nodes of one section, drawn as one box.
struct Box {
  std::string name;
  std::string stage;
  std::string plugin;
  int nodes = 0;   ///< how often the stage itself runs
  int splits = 0;  ///< slices that the planner inserted
  int joins = 0;

  std::string count() const {
    if (joins == 0) return nodes > 1 ? fmt::format(" x {}", nodes) : "";
    const std::string shards = fmt::format("{} shards", nodes / joins);
    return joins > 1 ? fmt::format(" x {}, {} each", joins, shards) : fmt::format(", {}", shards);
  }
};

/// From a section to a section, by what flows where that has to be said.
using Arrow = std::tuple<int, int, std::string>;

struct Picture {
  std::map<int, Box> boxes;  ///< by section
  std::set<Arrow> arrows;
  std::vector<std::string> families;  ///< plugins, in order of appearance

  const Colour& colour(const std::string& plugin) const { return kColours[family(plugin) % kColours.size()]; }
  std::size_t family(const std::string& plugin) const {
    return static_cast<std::size_t>(std::ranges::find(families, plugin) - families.begin());
  }
};

void name_box(const PlanNode& node, Box& box) {
  const std::string_view full = std::string_view(node.name).substr(0, node.name.find('@'));
  box.name = full.substr(full.rfind('.') + 1);
  box.stage = node.stage->qualified();
  box.plugin = node.stage->plugin;
}

/// The box of a sharded section carries the name of its stage, not of the core stages around it.
void count_node(const PlanNode& node, Box& box) {
  if (box.name.empty() || box.plugin == "core") name_box(node, box);
  if (node.stage->plugin != "core") {
    ++box.nodes;
  } else {
    node.stage->name == "split" ? ++box.splits : ++box.joins;
  }
}

std::string arrow_text(const PlanNode& from, const Source& source) {
  return from.stage->outputs.size() > 1 ? from.stage->outputs[static_cast<std::size_t>(source.output)].name : "";
}

Picture draw(const Plan& plan) {
  Picture out;
  for (const PlanNode& node : plan.nodes()) {
    count_node(node, out.boxes[node.section]);
    for (const auto& port : node.inputs) {
      for (const Source& source : port) {
        const PlanNode& from = plan.nodes()[static_cast<std::size_t>(source.node)];
        if (from.section != node.section) out.arrows.emplace(from.section, node.section, arrow_text(from, source));
      }
    }
  }
  for (auto& [section, box] : out.boxes) {
    if (box.plugin == "core") box.joins = 0, box.nodes = std::max(1, box.nodes);  // written by hand, not a shard
    if (out.family(box.plugin) == out.families.size()) out.families.push_back(box.plugin);
  }
  return out;
}

std::string dot_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

constexpr const char* kDotStyle = R"(  graph [rankdir=LR, nodesep=0.22, ranksep=0.45, pad=0.2, bgcolor=transparent];
  node [shape=box, style="rounded,filled", fontname="Helvetica,Arial,sans-serif", fontsize=12, fontcolor="#1f2933", margin="0.16,0.07", height=0.4];
  edge [color="#8a94a0", arrowsize=0.65, fontname="Helvetica,Arial,sans-serif", fontsize=9, fontcolor="#5b6570"];
)";

}  // namespace

std::string to_dot(const Plan& plan) {
  const Picture picture = draw(plan);
  std::string out = fmt::format("digraph {} {{\n{}", dot_text(plan.name()), kDotStyle);
  // Curves around boxes and the best of all orders take minutes on thousands of boxes.
  constexpr std::size_t kLarge = 400;
  if (picture.boxes.size() > kLarge) out += "  graph [splines=line, nslimit=1, nslimit1=1, mclimit=0.1];\n";
  for (const auto& [section, box] : picture.boxes) {
    const Colour& colour = picture.colour(box.plugin);
    out += fmt::format(
        "  s{} [label=<<b>{}</b><br/><font point-size=\"9\">{}{}</font>>, fillcolor=\"{}\", color=\"{}\"];\n", section,
        escaped_html(box.name), escaped_html(box.stage), box.count(), colour.fill, colour.line);
  }
  for (const auto& [from, to, text] : picture.arrows) {
    out += text.empty() ? fmt::format("  s{} -> s{};\n", from, to)
                        : fmt::format("  s{} -> s{} [label={}];\n", from, to, dot_text(" " + text + " "));
  }
  return out + "}\n";
}

std::string to_mermaid(const Plan& plan) {
  const Picture picture = draw(plan);
  std::string out = "flowchart LR\n";
  for (const auto& [section, box] : picture.boxes) {
    out += fmt::format("  s{}(\"<b>{}</b><br/>{}{}\"):::f{}\n", section, escaped_html(box.name),
                       escaped_html(box.stage), box.count(), picture.family(box.plugin));
  }
  for (const auto& [from, to, text] : picture.arrows) {
    out += text.empty() ? fmt::format("  s{} --> s{}\n", from, to) : fmt::format("  s{} -->|{}| s{}\n", from, text, to);
  }
  for (const std::string& family : picture.families) {
    const Colour& colour = picture.colour(family);
    out += fmt::format("  classDef f{} fill:{},stroke:{},color:#1f2933\n", picture.family(family), colour.fill,
                       colour.line);
  }
  return out;
}

std::string to_svg(const Plan& plan) {
  const std::string drawn = filter_through(
      {"dot", "-Tsvg"}, to_dot(plan), "install the package graphviz, or take --format dot or --format mermaid instead");
  const auto begin = drawn.find("<svg");  // without the XML prologue it can stand in a page as well as on its own
  if (begin == std::string::npos) throw Error(Code::damaged, "'dot' printed no <svg> element", "try 'dot -V'");
  return drawn.substr(begin);
}

}  // namespace espalier::pipeline
