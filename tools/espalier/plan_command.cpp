// SPDX-License-Identifier: Apache-2.0
// check, plan, explain, graph: what can be said of a pipeline without running it.
#include <cstdio>

#include <fmt/format.h>

#include "core/text.hpp"
#include "counted.hpp"
#include "node_names.hpp"
#include "output_file.hpp"
#include "pipeline/graph.hpp"
#include "session.hpp"

namespace espalier::cli {
namespace {

const char* state_text(run::Known known) {
  switch (known) {
    case run::Known::hit:
      return "hit";
    case run::Known::will_run:
      return "will run";
    case run::Known::pending:
      return "pending";
  }
  return "?";
}

/// The first reason a node will run, on one line.
std::string short_reason(Session& session, const run::Resolution& resolution, int node) {
  const std::string text = why(session, resolution, node);
  const auto first = text.find("\n  ");
  if (first == std::string::npos) return {};
  return text.substr(first + 3, text.find('\n', first + 3) - first - 3);
}

/// The node of that name, or all that differ from it in their axes only. Throws Error(request) when there is none.
std::vector<int> nodes_named(const pipeline::Plan& plan, const Options& options) {
  if (const auto node = plan.find(options.node)) return {*node};
  if (auto nodes = plan.matching(options.node); !nodes.empty()) return nodes;
  std::vector<std::string> names;
  for (const std::string& name : plan.node_names()) {
    const auto known = names_of(name);
    names.insert(names.end(), known.begin(), known.end());
  }
  throw Error(Code::request,
              fmt::format("the pipeline has no node '{}'{}", options.node, core::did_you_mean(options.node, names)),
              "see the names with: espalier plan " + options.pipeline);
}

/// More nodes than this are only named.
constexpr std::size_t kExplained = 12;

void explain_named(Session& session, const run::Resolution& resolution, const Options& options) {
  const std::vector<int> nodes = nodes_named(session.plan, options);
  for (const int node : nodes) {
    fmt::print("{}", nodes.size() <= kExplained ? why(session, resolution, node)
                                                : session.plan.nodes()[static_cast<std::size_t>(node)].name + "\n");
  }
  if (nodes.size() > kExplained) {
    fmt::print(stderr, "'{}' fits {} nodes: explain one of them\n", options.node, nodes.size());
  }
}

/// Whether what could use a GPU will have one.
void say_where(const Session& session, const run::Resolution& resolution) {
  std::size_t could = 0;
  std::size_t will = 0;
  for (std::size_t i = 0; i < session.plan.nodes().size(); ++i) {
    const pipeline::PlanNode& node = session.plan.nodes()[i];
    if (resolution.state[i] == run::Known::hit || !node.stage->uses_device) continue;
    ++could;
    will += session.lanes.of(node).name == "gpu" ? 1 : 0;
  }
  if (could == 0) return;
  const std::string why = session.lanes.why_no_gpu.empty() ? "" : fmt::format(" ({})", session.lanes.why_no_gpu);
  fmt::print(stderr, "{} of {} that can use a GPU will{}\n", will, counted(could, "node"), why);
}

}  // namespace

int check_command(const Options& options) {
  const auto session = Session::open(options);
  if (!session) return kBadRequest;
  fmt::print(stderr, "{}: {} in {}, no mistakes\n", options.pipeline, counted(session->plan.nodes().size(), "node"),
             counted(session->document.sections().size(), "section"));
  return kOk;
}

int plan_command(const Options& options) {
  const auto session = Session::open(options);
  if (!session) return kBadRequest;
  const run::Resolution resolution = session->resolve();
  const auto expected = session->workshop.runs.expected_seconds(session->plan.name());
  int counts[3] = {0, 0, 0};
  double seconds = 0;
  for (std::size_t i = 0; i < session->plan.nodes().size(); ++i) {
    const run::Known known = resolution.state[i];
    const std::string& name = session->plan.nodes()[i].name;
    ++counts[static_cast<int>(known)];
    std::string line = fmt::format("{:<9} {}", state_text(known), name);
    if (known != run::Known::hit) {
      if (const auto it = expected.find(name); it != expected.end()) {
        line += fmt::format("   ~{}", core::duration_text(it->second));
        seconds += it->second;
      }
    }
    if (known == run::Known::will_run) line += "   " + short_reason(*session, resolution, static_cast<int>(i));
    fmt::print("{}\n", line);
  }
  fmt::print("{} will run, {} pending, {} up to date", counts[1], counts[2], counts[0]);
  if (seconds > 0) fmt::print("; {} of work as last measured", core::duration_text(seconds));
  fmt::print("\n");
  say_where(*session, resolution);
  return kOk;
}

int explain_command(const Options& options) {
  const auto session = Session::open(options);
  if (!session) return kBadRequest;
  const run::Resolution resolution = session->resolve();
  if (!options.node.empty()) {
    explain_named(*session, resolution, options);
    return kOk;
  }
  int up_to_date = 0;
  for (std::size_t i = 0; i < session->plan.nodes().size(); ++i) {
    if (resolution.state[i] == run::Known::hit) {
      ++up_to_date;
    } else {
      fmt::print("{}", why(*session, resolution, static_cast<int>(i)));
    }
  }
  fmt::print("{} of {} nodes are up to date\n", up_to_date, session->plan.nodes().size());
  return kOk;
}

int graph_command(const Options& options) {
  require_output_file(options.output);
  const auto session = Session::open(options);
  if (!session) return kBadRequest;
  const std::string drawing = options.format == "dot"       ? pipeline::to_dot(session->plan)
                              : options.format == "mermaid" ? pipeline::to_mermaid(session->plan)
                                                            : pipeline::to_svg(session->plan);
  if (options.output.empty()) {
    std::fwrite(drawing.data(), 1, drawing.size(), stdout);
  } else {
    write_output_file(options.output, drawing);
  }
  return kOk;
}

}  // namespace espalier::cli
