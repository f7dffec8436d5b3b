// SPDX-License-Identifier: Apache-2.0
// Runs tests/cases/*.toml: a pipeline of fake stages and, in `#!` comments, what is expected of it. A line says one of
//   #! 4:1: error: TEXT; HINT         a finding, in order of place; `*` stands for anything
//   #! plan: NAME NAME ...            the nodes in order
//   #! in NODE PORT: NODE NODE ...    what flows into a port, `-` for nothing; `.output` where the producer has several
//   #! labels NODE PORT: a=1,b=2 ...  labels of a gathering port, `-` for none
//   #! param NODE NAME: VALUE         a parameter's canonical text
//   #! set: NODE.PARAM=VALUE          as with --set
// A case without findings must give a plan, one with errors none. Adding a test is adding a file.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "core/text.hpp"
#include "pipeline/plan.hpp"
#include "support/fake_stages.hpp"

namespace espalier::pipeline {
namespace {

namespace fs = std::filesystem;

struct Case {
  std::string text;
  std::vector<std::string> findings;
  std::vector<std::string> sets;
  std::vector<std::string> facts;  ///< plan, in, labels and param lines
};

Case read_case(const fs::path& file) {
  Case out;
  std::ifstream in(file);
  std::stringstream all;
  all << in.rdbuf();
  out.text = all.str();
  std::istringstream lines(out.text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#! ")) continue;
    line.erase(0, 3);
    if (line.starts_with("set: ")) {
      out.sets.push_back(line.substr(5));
    } else if (line.starts_with("plan") || line.starts_with("in ") || line.starts_with("labels ") ||
               line.starts_with("param ")) {
      out.facts.push_back(line);
    } else {
      out.findings.push_back(line);
    }
  }
  return out;
}

std::string shown(const Diagnostic& d) {
  const std::string place =
      d.span.line == 0 ? d.span.file : std::to_string(d.span.line) + ":" + std::to_string(d.span.column);
  const std::string hint = d.hint.empty() ? "" : "; " + d.hint;
  return place + ": " + (d.severity == Severity::error ? "error: " : "warning: ") + d.text + hint;
}

std::vector<std::string> shown(const Diagnostics& findings) {
  std::vector<Diagnostic> sorted = findings.all();
  std::ranges::stable_sort(sorted, [](const Diagnostic& a, const Diagnostic& b) {
    return std::pair(a.span.line, a.span.column) < std::pair(b.span.line, b.span.column);
  });
  std::vector<std::string> out;
  for (const Diagnostic& d : sorted) out.push_back(shown(d));
  return out;
}

void check_places(const Diagnostics& findings, const std::string& file, const std::string& text) {
  const auto lines = std::ranges::count(text, '\n') + 1;
  for (const Diagnostic& d : findings.all()) {
    INFO(shown(d));
    if (d.span.file == "--set") continue;
    CHECK(d.span.file == file);
    CHECK(d.span.line >= 1);
    CHECK(d.span.line <= lines);
    CHECK(d.span.column >= 1);
    CHECK(d.span.length >= 1);
  }
}

void check_findings(const std::vector<std::string>& expected, const std::vector<std::string>& actual) {
  INFO("findings:\n" << core::join(actual, "\n"));
  REQUIRE(actual.size() == expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    INFO("expected: " << expected[i]);
    CHECK(core::matches_glob(expected[i], actual[i]));
  }
}

const PlanNode& node_named(const Plan& plan, const std::string& name) {
  const auto index = plan.find(name);
  INFO("node " << name);
  REQUIRE(index.has_value());
  return plan.nodes()[static_cast<std::size_t>(*index)];
}

std::string source_text(const Plan& plan, const Source& source) {
  const PlanNode& node = plan.nodes()[static_cast<std::size_t>(source.node)];
  if (node.stage->outputs.size() == 1) return node.name;
  return node.name + "." + node.stage->outputs[static_cast<std::size_t>(source.output)].name;
}

std::string label_text(const Source& source) {
  std::vector<std::string> parts;
  for (const auto& [axis, value] : source.labels) parts.push_back(axis + "=" + value);
  return parts.empty() ? "-" : core::join(parts, ",");
}

const std::vector<Source>& port_of(const PlanNode& node, const std::string& port) {
  const auto it = std::ranges::find(node.stage->inputs, port, &PortSpec::name);
  REQUIRE(it != node.stage->inputs.end());
  return node.inputs[static_cast<std::size_t>(it - node.stage->inputs.begin())];
}

/// What the plan says to "plan", "in NODE PORT", "labels NODE PORT" or "param NODE NAME".
std::string answer(const Plan& plan, const std::string& question) {
  std::istringstream words(question);
  std::string what;
  std::string node;
  std::string key;
  words >> what >> node >> key;
  std::vector<std::string> out;
  if (what == "plan") out = plan.node_names();
  if (what == "param") out.push_back(node_named(plan, node).params.at(key).text());
  if (what == "in" || what == "labels") {
    for (const Source& s : port_of(node_named(plan, node), key)) {
      out.push_back(what == "in" ? source_text(plan, s) : label_text(s));
    }
  }
  return out.empty() ? "-" : core::join(out, " ");
}

void run_case(const fs::path& file) {
  const Case expected = read_case(file);
  const std::string name = file.filename().string();
  const plugin::Registry registry = testing::fake_registry();
  Diagnostics findings;
  Document document = Document::parse(name, expected.text, findings);
  for (const std::string& set : expected.sets) document.set(set, findings);
  const std::optional<Plan> plan = Plan::build(document, registry, findings);
  check_places(findings, name, expected.text);
  check_findings(expected.findings, shown(findings));
  CHECK(plan.has_value() == !findings.has_errors());
  if (!plan) return;
  for (const std::string& fact : expected.facts) {
    const auto colon = fact.find(": ");
    REQUIRE(colon != std::string::npos);
    INFO(fact.substr(0, colon));
    CHECK(answer(*plan, fact.substr(0, colon)) == fact.substr(colon + 2));
  }
}

TEST_CASE("cases: pipelines and what is expected of them") {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(ESPALIER_SOURCE_DIR) / "tests" / "cases")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  REQUIRE(files.size() > 20);
  for (const fs::path& file : files) {
    CAPTURE(file.filename().string());
    run_case(file);
  }
}

}  // namespace
}  // namespace espalier::pipeline
