// SPDX-License-Identifier: Apache-2.0
#include "pipeline/graph.hpp"

#include <csignal>
#include <cstdlib>

#include <doctest/doctest.h>

#include "support/fake_stages.hpp"

namespace espalier::pipeline {
namespace {

Plan plan_of(const std::string& text) {
  Diagnostics findings;
  static const plugin::Registry registry = testing::fake_registry();  // plans point at its stages
  auto plan = Plan::build(Document::parse("p.toml", text, findings), registry, findings);
  INFO(findings.render(text));
  REQUIRE(plan.has_value());
  return *std::move(plan);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

int count(const std::string& text, const std::string& part) {
  int out = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

constexpr const char* kPipeline = R"([axes]
net = ["x", "y"]
[fake.source.a]
value = { by = "net", x = 1, y = 2 }
[fake.halve.h]
in = "a"
[fake.sum.s]
in = ["h.left", "h.right", "a"]
[fake.questions.q]
[fake.prove.p]
instances = "q"
per = "net"
shards = 3
[fake.prove.once]
instances = "q"
shards = 3
)";

/// $PATH for the length of a scope.
class WithPath {
 public:
  explicit WithPath(const char* path) : before_(std::getenv("PATH")) { setenv("PATH", path, 1); }
  ~WithPath() { setenv("PATH", before_.c_str(), 1); }
  WithPath(const WithPath&) = delete;
  WithPath& operator=(const WithPath&) = delete;

 private:
  std::string before_;
};

TEST_CASE("graph: dot has a box a section and an arrow a flow") {
  const std::string dot = to_dot(plan_of(kPipeline));
  CHECK(dot.starts_with("digraph \"p\" {"));
  CHECK(count(dot, " [label=<<b>") == 6);  // a, h, s, q, p, once: core stages have no box of their own
  CHECK(has(dot, "<b>a</b>"));
  CHECK(has(dot, "fake.source x 2<"));
  CHECK(has(dot, "fake.questions<"));
  CHECK(has(dot, "fake.prove x 2, 3 shards each<"));
  CHECK(has(dot, "fake.prove, 3 shards<"));
  CHECK(has(dot, "s0 -> s1;"));
  CHECK(has(dot, "s1 -> s2 [label=\" left \"];"));  // labelled where the producer has several outputs
  CHECK(count(dot, "->") == 6);
}

TEST_CASE("graph: mermaid says the same") {
  const std::string mermaid = to_mermaid(plan_of(kPipeline));
  CHECK(mermaid.starts_with("flowchart LR\n"));
  CHECK(has(mermaid, "s0(\"<b>a</b><br/>fake.source x 2\"):::f0\n"));
  CHECK(has(mermaid, "s1 -->|right| s2\n"));
  CHECK(has(mermaid, "s0 --> s1\n"));
  CHECK(has(mermaid, "classDef f0 fill:#"));
}

TEST_CASE("graph: svg is laid out by dot") {
  if (std::system("dot -V > /dev/null 2>&1") != 0) {
    MESSAGE("skipped: the program 'dot' is not installed (package graphviz)");
    return;
  }
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);  // as in the program's worker threads
  const std::string svg = to_svg(plan_of(kPipeline));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(count(svg, "class=\"node\"") == 6);
  CHECK(count(svg, "class=\"edge\"") == 6);
}

TEST_CASE("graph: without dot, the error names the package") {
  const Plan plan = plan_of(kPipeline);
  const WithPath nowhere("/nonexistent");
  try {
    to_svg(plan);
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.code() == Code::missing);
    CHECK(std::string(e.what()) == "the program 'dot' was not found in PATH");
    CHECK(has(e.hint(), "graphviz"));
  }
}

}  // namespace
}  // namespace espalier::pipeline
