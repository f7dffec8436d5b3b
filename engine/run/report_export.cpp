// SPDX-License-Identifier: Apache-2.0
#include "run/report_export.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <espalier/report.hpp>

#include "core/text.hpp"
#include "run/file_name.hpp"

namespace espalier::run {
namespace {

/// The node and what it was made from, in the order of the plan.
std::vector<int> lineage(const pipeline::Plan& plan, int node) {
  std::vector<bool> in(plan.nodes().size());
  in[static_cast<std::size_t>(node)] = true;
  std::vector<int> result;
  for (int i = node; i >= 0; --i) {
    if (!in[static_cast<std::size_t>(i)]) continue;
    result.push_back(i);
    for (const int p : plan.predecessors(i)) in[static_cast<std::size_t>(p)] = true;
  }
  std::reverse(result.begin(), result.end());
  return result;
}

std::string row_of(const std::vector<std::string>& cells, std::string_view tag) {
  std::string row = "<tr>";
  for (const std::string& cell : cells) row += fmt::format("<{0}>{1}</{0}>", tag, escaped_html(cell));
  return row + "</tr>\n";
}

/// Where the nodes of a report were made: host, CPU and engine, and what they found there. Not every node records all
/// of it: only those that use LibTorch tell its version.
class Machines {
 public:
  void add(const cache::Provenance& made) {
    Machine& machine = machines_[{made.host, made.cpu, made.engine}];
    ++machine.nodes;
    for (const auto& [name, version] : made.versions) machine.versions[name].insert(version);
  }

  std::string html() const {
    std::string html =
        "<table class=\"machines\">\n" + row_of({"host", "CPU", "engine", "versions and settings", "nodes"}, "th");
    for (const auto& [who, machine] : machines_) {
      const auto& [host, cpu, engine] = who;
      html += row_of({host, cpu, engine, machine.text(), std::to_string(machine.nodes)}, "td");
    }
    return html + "</table>\n";
  }

 private:
  struct Machine {
    int nodes = 0;
    std::map<std::string, std::set<std::string>> versions;

    std::string text() const {
      std::string text;
      for (const auto& [name, values] : versions) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, fmt::join(values, " and "));
      }
      return text;
    }
  };
  std::map<std::tuple<std::string, std::string, std::string>, Machine> machines_;
};

/// "train 0.1.0 5506b450": of one version there are many builds, unless it is compiled into the engine.
std::string build_of(const cache::Provenance& made) {
  constexpr std::size_t kBrief = 8;
  return made.plugin_digest.empty() ? made.plugin : made.plugin + " " + made.plugin_digest.substr(0, kBrief);
}

std::string provenance_row(const pipeline::PlanNode& node, const Digest& key,
                           const std::optional<cache::Action>& action) {
  if (!action) return row_of({node.name, node.stage->qualified(), "", "", "", key.brief(), ""}, "td");
  const cache::Provenance& made = action->provenance;
  return row_of({node.name, action->ingredients.stage, core::duration_text(made.seconds), made.host, made.finished,
                 key.brief(), build_of(made)},
                "td");
}

/// Every occurrence, in one pass: the replacement may hold the mark.
std::string replaced(const std::string& text, std::string_view mark, const std::string& by) {
  std::string out;
  std::size_t from = 0;
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, from)) {
    out.append(text, from, at - from).append(by);
    from = at + mark.size();
  }
  return out.append(text, from);
}

bool is_plain_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
  return plain && !name.empty() && name.front() != '.';
}

std::vector<std::size_t> report_ports(const StageSpec& stage) {
  std::vector<std::size_t> ports;
  for (std::size_t i = 0; i < stage.outputs.size(); ++i) {
    if (stage.outputs[i].kind == Report::kKind) ports.push_back(i);
  }
  return ports;
}

/// One run's reports on their way to files.
class Exporter {
 public:
  Exporter(const pipeline::Plan& plan, const RunReport& run, cache::Store& store, core::Disk& disk,
           const std::string& graph_svg)
      : plan_(plan), run_(run), store_(store), disk_(disk), graph_svg_(graph_svg) {}

  void write(int node, const Digest& content, const core::Path& folder) {
    const ArtifactPtr artifact = load(content);
    for (const Report::File& file : static_cast<const Report&>(*artifact).files) {
      if (!is_plain_name(file.name)) {
        throw Error(Code::damaged,
                    fmt::format("the report of '{}' holds a file with the name '{}', which is no plain file name",
                                plan_.nodes()[static_cast<std::size_t>(node)].name, file.name),
                    "this is a mistake in its plugin: names are of a-z, 0-9, '_', '.' and '-'");
      }
      disk_.write_atomically(folder / file.name, finished(node, file));
      written_.push_back(folder / file.name);
    }
  }
  std::vector<core::Path> take() { return std::move(written_); }

 private:
  ArtifactPtr load(const Digest& content) {
    try {
      return store_.load(content, std::string(Report::kKind));
    } catch (const Error& error) {
      if (error.code() != Code::damaged) throw;
      store_.discard(content);
      throw Error(error.code(), error.what(), "run the pipeline again: the report will be made again");
    }
  }

  std::string finished(int node, const Report::File& file) {
    if (!file.name.ends_with(".html")) return file.bytes;
    std::string html = file.bytes;
    if (html.find(Report::kProvenanceMark) != std::string::npos) {
      html = replaced(html, Report::kProvenanceMark, provenance_html(plan_, run_, store_, node));
    }
    return replaced(html, Report::kGraphMark, graph_svg_);
  }

  const pipeline::Plan& plan_;
  const RunReport& run_;
  cache::Store& store_;
  core::Disk& disk_;
  const std::string& graph_svg_;
  std::vector<core::Path> written_;
};

}  // namespace

std::string provenance_html(const pipeline::Plan& plan, const RunReport& run, cache::Store& store, int node) {
  Machines machines;
  std::string html =
      "<table class=\"provenance\">\n" + row_of({"node", "stage", "time", "host", "finished", "key", "plugin"}, "th");
  for (const int i : lineage(plan, node)) {
    const auto& key = run.keys[static_cast<std::size_t>(i)];
    if (!key) continue;
    const auto action = store.action(*key);
    if (action) machines.add(action->provenance);
    html += provenance_row(plan.nodes()[static_cast<std::size_t>(i)], *key, action);
  }
  return machines.html() + html + "</table>\n";
}

std::vector<core::Path> export_reports(const pipeline::Plan& plan, const RunReport& run, cache::Store& store,
                                       core::Disk& disk, const core::Path& run_folder, const std::string& graph_svg) {
  Exporter exporter(plan, run, store, disk, graph_svg);
  for (std::size_t i = 0; i < plan.nodes().size(); ++i) {
    const pipeline::PlanNode& node = plan.nodes()[i];
    const std::vector<std::size_t> ports = report_ports(*node.stage);
    if (run.contents[i].empty()) continue;
    const core::Path folder = run_folder / "reports" / safe_file_name(node.name);
    for (const std::size_t port : ports) {
      exporter.write(static_cast<int>(i), run.contents[i][port],
                     ports.size() == 1 ? folder : folder / node.stage->outputs[port].name);
    }
  }
  return exporter.take();
}

}  // namespace espalier::run
