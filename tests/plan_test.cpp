// SPDX-License-Identifier: Apache-2.0
#include "pipeline/plan.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include <doctest/doctest.h>

#include "pipeline/axes.hpp"
#include "support/fake_stages.hpp"

namespace espalier::pipeline {
namespace {

std::optional<Plan> build(const std::string& text, Diagnostics& findings, const std::string& file = "p.toml") {
  static const plugin::Registry registry = testing::fake_registry();
  return Plan::build(Document::parse(file, text, findings), registry, findings);
}

Plan built(const std::string& text, const std::string& file = "p.toml") {
  Diagnostics findings;
  auto plan = build(text, findings, file);
  INFO(findings.render(text));
  REQUIRE(plan.has_value());
  return *std::move(plan);
}

const PlanNode& node_of(const Plan& plan, const std::string& name) {
  return plan.nodes()[static_cast<std::size_t>(plan.find(name).value())];
}

std::vector<std::string> names(const Plan& plan, const std::vector<int>& nodes) {
  std::vector<std::string> out;
  for (const int n : nodes) out.push_back(plan.nodes()[static_cast<std::size_t>(n)].name);
  return out;
}

using Names = std::vector<std::string>;

constexpr const char* kDiamond = R"([axes]
n = [1, 2]
[fake.sum.d]
in = ["b", "c@n=1"]
[fake.add.c]
in = "a"
by = { by = "n" }
[fake.add.b]
in = "a"
[fake.source.a]
value = 2.5
[fake.source.alone]
)";

TEST_CASE("plan: every node comes after what it needs, in file order where there is a choice") {
  const Plan plan = built(kDiamond);
  CHECK(plan.node_names() ==
        Names{"fake.source.a", "fake.add.c@n=1", "fake.add.c@n=2", "fake.add.b", "fake.sum.d", "fake.source.alone"});
  CHECK(names(plan, plan.predecessors(4)) == Names{"fake.add.c@n=1", "fake.add.b"});
  CHECK(names(plan, plan.successors(0)) == Names{"fake.add.c@n=1", "fake.add.c@n=2", "fake.add.b"});
  CHECK(plan.successors(2).empty());
  CHECK(plan.predecessors(5).empty());
}

TEST_CASE("plan: find takes full names, and short ones when they are unique") {
  const Plan plan = built(kDiamond);
  CHECK(plan.find("fake.add.c@n=2") == 2);
  CHECK(plan.find("c@n=2") == 2);
  CHECK(plan.find("b") == 3);
  CHECK(plan.find("fake.sum.d") == 4);
  CHECK_FALSE(plan.find("c").has_value());
  CHECK_FALSE(plan.find("fake.add.c").has_value());
  CHECK_FALSE(plan.find("add.b").has_value());
  CHECK_FALSE(plan.find("").has_value());
}

TEST_CASE("plan: a dot in an axis value is no part of a name") {
  const Plan plan = built("[axes]\neps = [0.25]\n[fake.source.a]\nvalue = { by = \"eps\" }\n");
  CHECK(plan.node_names() == Names{"fake.source.a@eps=0.25"});
  CHECK(plan.find("a") == 0);
  CHECK(plan.find("a@eps=0.25") == 0);
  CHECK_FALSE(plan.find("25").has_value());
}

TEST_CASE("plan: patterns match full and short names, with and without axes") {
  const Plan plan = built(kDiamond);
  const auto matched = [&](const char* glob) { return names(plan, plan.matching(glob)); };
  CHECK(matched("c") == Names{"fake.add.c@n=1", "fake.add.c@n=2"});
  CHECK(matched("*@n=1") == Names{"fake.add.c@n=1"});
  CHECK(matched("fake.add.*") == Names{"fake.add.c@n=1", "fake.add.c@n=2", "fake.add.b"});
  CHECK(matched("?") == Names{"fake.source.a", "fake.add.c@n=1", "fake.add.c@n=2", "fake.add.b", "fake.sum.d"});
  CHECK(matched("add").empty());
}

TEST_CASE("plan: restricted to some nodes and what they need") {
  const Plan plan = built(kDiamond).restricted_to({1, 5});
  CHECK(plan.node_names() == Names{"fake.source.a", "fake.add.c@n=1", "fake.source.alone"});
  CHECK(plan.name() == "p");
  CHECK(plan.predecessors(1) == std::vector<int>{0});
  CHECK(plan.successors(0) == std::vector<int>{1});
  CHECK(node_of(plan, "c").inputs.at(0).at(0).node == 0);
  CHECK(plan.place_of(0, "value").line == 11);
  CHECK(built(kDiamond).restricted_to({}).nodes().empty());
}

TEST_CASE("plan: places of parameters, also of those taken over") {
  const Plan plan = built("[fake.tuned.a]\nseed = 1\nrate = 0.5\n[fake.tuned.b]\nlike = \"a\"\nrate = 0.25\n");
  CHECK(plan.place_of(1, "seed").line == 2);
  CHECK(plan.place_of(1, "seed").column == 8);
  CHECK(plan.place_of(1, "rate").line == 6);
  CHECK(plan.place_of(0, "rate").line == 3);
  CHECK(plan.place_of(0, "epochs").line == 0);
}

TEST_CASE("plan: parameters are complete and of the type the stage declared") {
  const Plan plan = built("[fake.tuned.t]\nrate = 1\nseed = 7\n");
  const ParamValues& params = plan.nodes()[0].params;
  CHECK(params.size() == plan.nodes()[0].stage->params.size());
  CHECK(params.at("rate") == Value(1.0));
  CHECK(params.at("epochs") == Value(10));
  CHECK(params.at("hidden") == Value(std::vector<std::int64_t>{8, 4}));
}

TEST_CASE("plan: file parameters are resolved against the pipeline's folder") {
  const std::string text = "[fake.tuned.t]\nseed = 1\ndata = \"../data/x.idx\"\n";
  CHECK(node_of(built(text, "/some/where/p.toml"), "t").params.at("data") == Value("/some/data/x.idx"));
  const std::string here = (std::filesystem::current_path() / "data" / "x.idx").string();
  CHECK(node_of(built(text, "sub/p.toml"), "t").params.at("data") == Value(here));
  CHECK(node_of(built("[fake.tuned.t]\nseed = 1\ndata = \"/abs/x\"\n"), "t").params.at("data") == Value("/abs/x"));
  CHECK(node_of(built("[fake.tuned.t]\nseed = 1\n"), "t").params.at("data") == Value(""));
}

TEST_CASE("plan: shards are slices, copies and a join") {
  const Plan plan = built("[fake.questions.q]\n[fake.prove.p]\ninstances = \"q\"\nshards = 2\nbudget_s = 3\n");
  CHECK(plan.node_names() == Names{"fake.questions.q", "core.split.p@shard=0", "fake.prove.p@shard=0",
                                   "core.split.p@shard=1", "fake.prove.p@shard=1", "core.join.p"});
  CHECK(node_of(plan, "core.split.p@shard=1").params == ParamValues{{"count", 2}, {"index", 1}});
  CHECK(node_of(plan, "fake.prove.p@shard=1").params.at("budget_s") == Value(3.0));
  CHECK(node_of(plan, "p").name == "core.join.p");  // the name stands for the whole
  CHECK(plan.nodes()[5].section == 1);
}

TEST_CASE("plan: a thousand nodes in a row, and ten times as many, need no deep recursion") {
  std::string text;
  for (int i = 9999; i > 0; --i) {
    text += "[fake.add.n" + std::to_string(i) + "]\nin = \"n" + std::to_string(i - 1) + "\"\n";
    if (i < 9999) text += "like = \"n" + std::to_string(i + 1) + "\"\n";
  }
  text += "[fake.source.n0]\n";
  const Plan plan = built(text);
  REQUIRE(plan.nodes().size() == 10000);
  CHECK(plan.nodes().front().name == "fake.source.n0");
  CHECK(plan.nodes().back().name == "fake.add.n9999");
  CHECK(plan.restricted_to({9999}).nodes().size() == 10000);
}

TEST_CASE("plan: a long cycle is told in short") {
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    text += "[fake.add.n" + std::to_string(i) + "]\nin = \"n" + std::to_string((i + 1) % 3000) + "\"\n";
  }
  Diagnostics findings;
  CHECK_FALSE(build(text, findings).has_value());
  REQUIRE(findings.all().size() == 1);
  CHECK(findings.all()[0].text.starts_with("nodes need each other in a circle: 'n0' needs 'n1' needs 'n2'"));
  CHECK(findings.all()[0].text.find("2990 more") != std::string::npos);
}

TEST_CASE("plan: an expansion that nobody can want is refused, not computed") {
  std::string text = "[axes]\n";
  std::string per;
  for (int axis = 0; axis < 20; ++axis) {
    text += "a" + std::to_string(axis) + " = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n";
    per += (axis == 0 ? "\"a" : ", \"a") + std::to_string(axis) + "\"";
  }
  text += "[fake.source.x]\nper = [" + per + "]\n[fake.add.y]\nin = \"x\"\n";
  Diagnostics findings;
  CHECK_FALSE(build(text, findings).has_value());
  REQUIRE(findings.all().size() == 1);
  CHECK(findings.all()[0].text == "fake.source.x makes the pipeline larger than 1000000 nodes");
}

TEST_CASE("plan: property: a space numbers its combinations one to one, first axis slowest") {
  std::vector<Axis> axes;
  for (const int size : {3, 1, 4, 2}) {
    Axis axis;
    for (int v = 0; v < size; ++v) axis.values.emplace_back(v);
    axes.push_back(axis);
  }
  for (AxisMask mask = 0; mask < 16; ++mask) {
    const Space space(axes, mask);
    Coordinates last;
    for (std::int64_t i = 0; i < space.size(); ++i) {
      Coordinates at(axes.size());
      space.place(i, at);
      CHECK(space.index_of(at) == i);
      CHECK((last.empty() || last < at));
      last = at;
    }
  }
}

/// A well-formed pipeline to damage: uses most of the language.
constexpr const char* kRich = R"([pipeline]
name = "rich"
[axes]
net = ["x", "y"]
eps = [0.5, 0.25]
[fake.source.a]
value = { by = "net", x = 1, y = 2 }
[fake.tuned.t]
in = "a@net=x"
rate = { by = "eps" }
hidden = [1, 2]
seed = 1
[fake.tuned.u]
like = "t"
only = { eps = [0.5] }
[fake.halve.h]
in = { by = "net", x = "t", y = "a" }
[fake.sum.s]
in = ["h.left", "u"]
per = ["net"]
[fake.questions.q]
[fake.prove.p]
instances = "q"
shards = 2
)";

void check_outcome(const std::string& text) {
  Diagnostics findings;
  const auto plan = build(text, findings);
  CAPTURE(text);
  CHECK(plan.has_value() == !findings.has_errors());
  for (const Diagnostic& d : findings.all()) {
    INFO(d.text);
    CHECK(d.span.file == "p.toml");
    CHECK(d.span.line >= 1);
    CHECK(d.span.column >= 1);
  }
  if (!plan) return;
  for (std::size_t i = 0; i < plan->nodes().size(); ++i) {
    for (const int p : plan->predecessors(static_cast<int>(i))) CHECK(p < static_cast<int>(i));
  }
  const Names all = plan->node_names();
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == all.size());
}

TEST_CASE("plan: property: damaged text gives a sound plan or findings with places, never a crash") {
  const std::string good = kRich;
  check_outcome(good);
  std::mt19937 random(1);  // NOLINT: the same damage every time
  const std::string alphabet = "[]{}=\"'.,@#\n 01abxy_-";
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (int round = 0; round < 1500; ++round) {
    std::string text = good;
    for (std::size_t edits = 1 + pick(3); edits > 0; --edits) {
      const std::size_t at = pick(text.size());
      switch (pick(4)) {
        case 0:
          text[at] = alphabet[pick(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1 + pick(12));
          break;
        case 2:
          text.insert(at, 1, alphabet[pick(alphabet.size())]);
          break;
        default:
          text.insert(at, good.substr(pick(good.size()), pick(30)));
      }
    }
    check_outcome(text);
  }
}

}  // namespace
}  // namespace espalier::pipeline
