// SPDX-License-Identifier: Apache-2.0
// What stages say about themselves, for people: one stage on the terminal, all of them as a page.
#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"
#include "plugin/schema.hpp"
#include "plugin/spec_check.hpp"

namespace espalier::plugin {
namespace {

using Row = std::vector<std::string>;

std::string port_remarks(const PortSpec& port) {
  std::vector<std::string> remarks;
  if (port.gathers) remarks.emplace_back("one or several nodes");
  if (port.labelled) remarks.emplace_back("axis values are used as labels");
  if (port.optional) remarks.emplace_back("optional");
  return core::join(remarks, ", ");
}

std::string param_remarks(const ParamSpec& p) {
  std::vector<std::string> remarks;
  if (const std::string admitted = admitted_text(p); !admitted.empty()) remarks.push_back(admitted);
  if (p.file) remarks.emplace_back("a file, relative to the pipeline");
  if (p.execution) remarks.emplace_back("does not change results");
  return core::join(remarks, ", ");
}

std::string default_text(const ParamSpec& p) {
  return p.required ? "required" : p.fallback.text();
}

std::string with_remarks(const std::string& doc, const std::string& remarks) {
  return remarks.empty() ? doc : fmt::format("{} ({})", doc, remarks);
}

Row port_row(const PortSpec& port) {
  return {port.name, port.kind, with_remarks(port.doc, port_remarks(port))};
}

Row param_row(const ParamSpec& p) {
  return {p.name, std::string(to_text(p.type)), default_text(p), with_remarks(p.doc, param_remarks(p))};
}

/// Rows with all columns but the last padded to one width, each row indented by two.
std::string columns(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const Row& row : rows) {
    out += " ";
    for (std::size_t c = 0; c + 1 < row.size(); ++c) out += fmt::format(" {:<{}} ", row[c], widths[c]);
    out += fmt::format(" {}\n", row.back());
  }
  return out;
}

/// Text for a cell of a Markdown table.
std::string escaped(const std::string& cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string table_line(const Row& row) {
  Row cells;
  for (const std::string& cell : row) cells.push_back(escaped(cell));
  return fmt::format("| {} |\n", core::join(cells, " | "));
}

std::string table(const Row& head, const std::vector<Row>& rows) {
  std::string out = table_line(head) + table_line(Row(head.size(), "---"));
  for (const Row& row : rows) out += table_line(row);
  return out;
}

std::vector<Row> port_rows(const std::vector<PortSpec>& ports) {
  std::vector<Row> rows;
  for (const PortSpec& port : ports) rows.push_back(port_row(port));
  return rows;
}

std::vector<Row> param_rows(const StageSpec& stage) {
  std::vector<Row> rows;
  for (const ParamSpec& p : stage.params) rows.push_back(param_row(p));
  return rows;
}

std::string nature(const StageSpec& stage) {
  const char* device = stage.uses_device ? ", uses the lane's device" : "";
  switch (stage.repeatable) {
    case Repeatable::exactly:
      return fmt::format("revision {}, lane {}{}, same bytes anywhere", stage.revision, stage.lane, device);
    case Repeatable::same_machine:
      return fmt::format("revision {}, lane {}{}, same bytes on the same machine", stage.revision, stage.lane, device);
    case Repeatable::budgeted:
      return fmt::format("revision {}, lane {}{}, depends on a time limit", stage.revision, stage.lane, device);
  }
  throw Error(Code::internal, "unknown value of Repeatable");
}

/// A section to paste: what must be given is a placeholder, the rest stands there as a comment with its default.
std::string example(const StageSpec& stage) {
  std::string out = fmt::format("[{}.my_{}]\n", stage.qualified(), stage.name);
  for (const PortSpec& port : stage.inputs) {
    const char* gap = port.gathers ? "[\"NODE\", \"NODE\"]" : "\"NODE\"";
    out += fmt::format("{}{} = {}  # {}\n", port.optional ? "# " : "", port.name, gap, port.kind);
  }
  for (const ParamSpec& p : stage.params) {
    out += p.required ? fmt::format("{} = <{}>\n", p.name, to_text(p.type))
                      : fmt::format("# {} = {}\n", p.name, p.fallback.text());
  }
  return out;
}

std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    out += fmt::format("  {}\n", line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return out;
}

std::string stage_section(const StageSpec& stage) {
  std::string out = fmt::format("### {}\n\n{}\n\n{}.\n\n", stage.qualified(), stage.doc, nature(stage));
  if (!stage.inputs.empty()) out += table({"Input", "Kind", ""}, port_rows(stage.inputs)) + "\n";
  out += table({"Output", "Kind", ""}, port_rows(stage.outputs)) + "\n";
  if (!stage.params.empty()) out += table({"Parameter", "Type", "Default", ""}, param_rows(stage)) + "\n";
  return out;
}

}  // namespace

std::string describe_stage(const StageSpec& stage) {
  std::string out = fmt::format("{}: {}\n  {}\n", stage.qualified(), stage.doc, nature(stage));
  if (!stage.inputs.empty()) out += "\ninputs\n" + columns(port_rows(stage.inputs));
  out += "\noutputs\n" + columns(port_rows(stage.outputs));
  if (!stage.params.empty()) out += "\nparameters\n" + columns(param_rows(stage));
  return out + "\nexample\n" + indented(example(stage));
}

std::string stage_reference(const Registry& registry) {
  std::string out =
      "# Stages\n\n"
      "Generated from what the plugins say about themselves; `espalier list STAGE` prints the same on the terminal.\n";
  std::string plugin;
  for (const StageSpec* stage : registry.stages()) {
    if (stage->plugin != plugin) {
      plugin = stage->plugin;
      out += fmt::format("\n## {}\n\n{}\n\n", plugin, registry.origin(*stage).doc);
    }
    out += stage_section(*stage);
  }
  std::vector<Row> rows;
  for (const KindSpec* kind : registry.kinds()) rows.push_back({kind->name, std::to_string(kind->format), kind->doc});
  return out + "\n## Kinds of artifacts\n\n" + table({"Kind", "Format", ""}, rows);
}

}  // namespace espalier::plugin
