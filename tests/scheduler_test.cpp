// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "run/observers.hpp"
#include "support/gate.hpp"
#include "support/lab.hpp"
#include "support/run_bench.hpp"

namespace espalier::run {
namespace {

using testing::Body;
using testing::Gate;
using testing::id_of;
using testing::lab_plugin;
using testing::Names;
using testing::Num;
using testing::RunBench;

TEST_CASE("a node re-runs when, and only when, something in its key changed") {
  const std::string text = testing::diamond_below("[fake.tuned.a]\nseed = 0\nrate = 0.5\nepochs = 10");
  auto with = [&](const std::string& from, const std::string& to) {
    return std::string(text).replace(text.find(from), from.size(), to);
  };
  for (const int tokens : {1, 2, 4}) {
    CAPTURE(tokens);
    RunBench bench(text);
    bench.tokens(tokens).run();
    CHECK(bench.executed().size() == 4);
    CHECK(bench.value("d") == 13);
    bench.run();
    CHECK(bench.executed().empty());
    CHECK(bench.report.hit == 4);
    CHECK(bench.told.outcomes.empty());  // known before: counted at the start, not told one by one
    CHECK(bench.told.starts.at(0).hits == 4);

    SUBCASE("a parameter") {
      bench.set_text(with("by = 2", "by = 5"));
      bench.run();
      CHECK(bench.executed() == Names{"fake.add.c", "fake.sum.d"});
      CHECK(bench.value("d") == 16);
    }
    SUBCASE("the same bytes again: early cutoff") {
      bench.set_text(with("rate = 0.5\nepochs = 10", "rate = 1.0\nepochs = 5"));
      bench.run();
      CHECK(bench.executed() == Names{"fake.tuned.a"});
      CHECK(bench.became<Hit>("d"));
      CHECK(bench.report.hit == 3);
      CHECK(bench.told.outcomes.size() == 4);
    }
    SUBCASE("a name is no reason") {
      bench.set_text(with("fake.add.c", "fake.add.e").replace(text.find("\"c\""), 3, "\"e\""));
      bench.run();
      CHECK(bench.executed().empty());
    }
    SUBCASE("force") {
      bench.options.force.assign(4, false);
      bench.options.force[static_cast<std::size_t>(bench.node("b"))] = true;
      bench.run();
      CHECK(bench.executed() == Names{"fake.add.b"});
    }
  }
}

TEST_CASE("a failure skips what is below it and nothing else") {
  for (const int tokens : {1, 2, 4}) {
    CAPTURE(tokens);
    RunBench bench(R"(
[fake.source.a]
[fake.fail.bad]
in = "a"
message = "the loss is not finite"
[fake.add.below]
in = "bad"
[fake.sum.deeper]
in = ["below", "good"]
[fake.add.good]
in = "a"
)");
    bench.tokens(tokens).run();
    CHECK(bench.outcome<Failed>("bad").message == "the loss is not finite");
    CHECK(bench.outcome<Failed>("bad").hint == "leave fake.fail out");
    CHECK(bench.outcome<Failed>("bad").code == Code::numeric);
    CHECK(bench.outcome<Skipped>("below").because == bench.node("bad"));
    CHECK(bench.outcome<Skipped>("deeper").because == bench.node("bad"));
    CHECK(bench.executed() == Names{"fake.add.good", "fake.source.a"});
    CHECK(bench.report.failed == 1);
    CHECK(bench.report.skipped == 2);
    CHECK_FALSE(bench.report.interrupted);
    bench.run();
    CHECK(bench.report.hit == 2);
    CHECK(bench.became<Failed>("bad"));
  }
}

TEST_CASE("fail fast: after a failure nothing new starts") {
  RunBench bench(R"(
[fake.fail.bad]
[fake.source.a]
[fake.add.b]
in = "a"
)");
  bench.options.fail_fast = true;
  bench.options.expected_seconds = {{"fake.fail.bad", 100}, {"fake.source.a", 1}, {"fake.add.b", 1}};
  bench.run();
  CHECK(bench.became<Failed>("bad"));
  CHECK(bench.became<Stopped>("a"));
  CHECK(bench.became<Stopped>("b"));
  CHECK(bench.report.stopped == 2);
  CHECK_FALSE(bench.report.interrupted);
}

TEST_CASE("with one token the node with the longest way to go comes first") {
  const std::string text = R"(
[lab.work.short]
id = 1
[lab.work.end]
id = 2
in = ["middle"]
[lab.work.middle]
id = 3
in = ["begin"]
[lab.work.begin]
id = 4
)";
  std::vector<std::int64_t> order;
  RunBench bench(text);
  bench.add(lab_plugin(), {{"work", [&](const ParamValues& params, Context& ctx) {
                              order.push_back(id_of(params));
                              ctx.out("out", Num::with(static_cast<double>(id_of(params))));
                            }}});
  SUBCASE("by depth, when no time is known") {
    bench.run();
    CHECK(order.front() == 4);
    CHECK(order == std::vector<std::int64_t>{4, 3, 1, 2});  // 1 and 2 are as deep; the earlier in the plan goes first
    CHECK(bench.told.starts.at(0).expected_seconds == 0);
  }
  SUBCASE("by the seconds of earlier runs") {
    bench.options.expected_seconds = {
        {"lab.work.short", 10}, {"lab.work.begin", 1}, {"lab.work.middle", 2}, {"lab.work.end", 3}};
    bench.run();
    CHECK(order == std::vector<std::int64_t>{1, 4, 3, 2});
    CHECK(bench.told.starts.at(0).expected_seconds == 16);
  }
}

TEST_CASE("a successor that became ready competes at once for the token its predecessor gives back") {
  // After `first`, both `urgent` (which has `last` below it) and the twenty others want the one token.
  std::string text = "[lab.work.first]\nid = 1\n[lab.work.urgent]\nid = 2\nin = [\"first\"]\n";
  text += "[lab.work.last]\nid = 3\nin = [\"urgent\"]\n";
  for (int i = 10; i < 30; ++i) text += fmt::format("[lab.work.n{0}]\nid = {0}\n", i);
  std::vector<std::int64_t> order;
  RunBench bench(text);
  bench.add(lab_plugin(), {{"work", [&](const ParamValues& params, Context& ctx) {
                              order.push_back(id_of(params));
                              ctx.out("out", Num::with(static_cast<double>(id_of(params))));
                            }}});
  bench.run();
  CHECK(order.size() == 23);
  CHECK(order[0] == 1);
  CHECK(order[1] == 2);
}

TEST_CASE("equal work under two names is done once") {
  for (const int tokens : {1, 2, 4}) {
    CAPTURE(tokens);
    RunBench bench(R"(
[fake.source.a]
[fake.slow.one]
in = "a"
[fake.slow.two]
in = "a"
[fake.sum.both]
in = ["one", "two"]
)");
    bench.tokens(tokens).run();
    CHECK(bench.report.ran == 3);
    CHECK(bench.report.hit == 1);
    CHECK(bench.content("one") == bench.content("two"));
    CHECK(bench.value("both") == 2);
  }
}

TEST_CASE("equal work that fails, fails under both names") {
  RunBench bench("[fake.fail.one]\n[fake.fail.two]\n");
  bench.tokens(2).run();
  CHECK(bench.report.failed == 2);
  CHECK(bench.told.ran.size() == 1);
}

TEST_CASE("a stopped run keeps what is finished, ends what runs and starts nothing") {
  for (const int tokens : {1, 2, 4}) {
    CAPTURE(tokens);
    RunBench bench(R"(
[lab.work.before]
id = 1
[lab.work.running]
id = 2
in = ["before"]
[lab.work.after]
id = 3
in = ["running"]
)");
    bench.tokens(tokens);
    bench.add(lab_plugin(), {{"work", [&](const ParamValues& params, Context& ctx) {
                                if (id_of(params) == 2) bench.stop.request_stop();
                                if (id_of(params) == 2) ctx.check_stop();
                                ctx.out("out", Num::with(static_cast<double>(id_of(params))));
                              }}});
    bench.run();
    CHECK(bench.became<Ran>("before"));
    CHECK(bench.became<Stopped>("running"));
    CHECK(bench.became<Stopped>("after"));
    CHECK(bench.report.interrupted);
    CHECK(bench.told.ends == 1);
    bench.run();
    CHECK(bench.report.hit == 1);
    CHECK(bench.report.stopped == 2);
    CHECK(bench.told.ran.empty());
  }
}

TEST_CASE("observers hear once, while nodes run, that the run was asked to stop") {
  struct Listener final : Observer {
    void stopping() override {
      ++times;
      told.open();
    }
    void tick() override { ++ticks; }
    Gate told;
    int times = 0;
    std::atomic<int> ticks = 0;
  } listener;
  RunBench bench("[lab.work.only]\n");
  bool in_time = false;
  bench.add(lab_plugin(), {{"work", [&](const ParamValues&, Context& ctx) {
                              bench.stop.request_stop();
                              in_time = listener.told.wait();
                              for (const int seen = listener.ticks; listener.ticks < seen + 2;) {
                                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                              }
                              ctx.check_stop();
                            }}});
  MultiObserver all;  // what the program puts between
  all.add(listener);
  const RunReport report = execute(bench.plan(), bench.registry, bench.store, bench.surroundings, bench.lanes,
                                   bench.options, bench.resolve(), all, bench.stop.get_token());
  CHECK(in_time);
  CHECK(listener.times == 1);
  CHECK(report.interrupted);
}

TEST_CASE("a stop that comes when everything is done interrupts nothing") {
  RunBench bench("[lab.work.only]\n");
  bench.add(lab_plugin(), {{"work", [&](const ParamValues&, Context& ctx) {
                              bench.stop.request_stop();
                              ctx.out("out", Num::with(1));
                            }}});
  bench.run();
  CHECK(bench.report.ran == 1);
  CHECK_FALSE(bench.report.interrupted);
}

TEST_CASE("a stage that says 'stopped' without being asked has failed") {
  RunBench bench("[lab.work.only]\n");
  bench.add(lab_plugin(), {{"work", [&](const ParamValues&, Context&) { throw Error(Code::stopped, "no more"); }}});
  bench.run();
  CHECK(bench.outcome<Failed>("only").message == "no more");
}

TEST_CASE("a long chain of hits below an early cutoff does not exhaust the stack") {
  constexpr int kLength = 3000;
  auto text = [](const char* first) {
    std::string out = fmt::format("[fake.tuned.n0]\nseed = 0\n{}\n", first);
    for (int i = 1; i < kLength; ++i) out += fmt::format("[fake.add.n{}]\nin = \"n{}\"\n", i, i - 1);
    return out;
  };
  RunBench bench(text("rate = 0.5\nepochs = 10"));
  bench.run();
  CHECK(bench.report.ran == kLength);
  bench.set_text(text("rate = 1.0\nepochs = 5"));
  bench.run();
  CHECK(bench.executed() == Names{"fake.tuned.n0"});
  CHECK(bench.report.hit == kLength - 1);
}

/// A random graph: node i takes some of the nodes before it; some nodes fail.
struct RandomGraph {
  RandomGraph(unsigned seed, int count) : inputs(static_cast<std::size_t>(count)), fails(inputs.size()) {
    std::mt19937 random(seed);
    for (int i = 0; i < count; ++i) {
      const int wanted = std::min<int>(i, static_cast<int>(random() % 4));
      std::set<int> chosen;
      for (int k = 0; k < wanted; ++k) chosen.insert(static_cast<int>(random() % static_cast<unsigned>(i)));
      inputs[static_cast<std::size_t>(i)].assign(chosen.begin(), chosen.end());
      fails[static_cast<std::size_t>(i)] = random() % 40 == 0;
    }
  }
  std::string text() const {
    std::string out;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      out += fmt::format("[lab.{0}.n{1}]\nid = {1}\n", i % 3 == 0 ? "other" : "work", i);
      if (inputs[i].empty()) continue;
      out += "in = [";
      for (const int from : inputs[i]) out += fmt::format("\"n{}\", ", from);
      out += "]\n";
    }
    return out;
  }
  std::vector<std::vector<int>> inputs;
  std::vector<bool> fails;
};

/// Counts who is inside and how often each node ran; what it saw wrong is counted, not asserted, off the main thread.
class Watch {
 public:
  Watch(const RandomGraph& graph, int tokens) : graph_(graph), tokens_(tokens), runs_(graph.inputs.size()) {}

  Body body(int lane) {
    return [this, lane](const ParamValues& params, Context& ctx) {
      const auto id = static_cast<std::size_t>(id_of(params));
      if (++inside_[lane] > tokens_) ++overruns;
      for (const int from : graph_.inputs[id]) {
        if (runs_[static_cast<std::size_t>(from)] != 1) ++disorders;
      }
      double sum = 1;
      for (const Gathered& part : ctx.all("in")) sum += static_cast<const Num&>(*part.artifact).value;
      if (++runs_[id] > 1) ++repeats;
      --inside_[lane];
      if (graph_.fails[id]) throw Error(Code::numeric, "as planned");
      ctx.out("out", Num::with(sum + static_cast<double>(id) / 1000));
    };
  }
  int runs(std::size_t id) const { return runs_[id]; }

  std::atomic<int> overruns = 0;
  std::atomic<int> disorders = 0;
  std::atomic<int> repeats = 0;

 private:
  const RandomGraph& graph_;
  int tokens_;
  std::vector<std::atomic<int>> runs_;
  std::atomic<int> inside_[2] = {0, 0};
};

TEST_CASE(
    "300 random graphs: every node once, after its inputs, within its tokens; failures reach exactly what is below") {
  constexpr int kNodes = 100;
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const int tokens = 1 << (seed % 3);
    const RandomGraph graph(seed, kNodes);
    RunBench bench(graph.text());
    bench.tokens(tokens);
    bench.lanes.by_name["gpu"] = {.name = "gpu", .tokens = tokens, .devices = {"cuda:0"}};
    Watch watch(graph, tokens);
    bench.add(lab_plugin(), {{"work", watch.body(0)}, {"other", watch.body(1)}});
    bench.run();
    REQUIRE(watch.overruns == 0);
    REQUIRE(watch.disorders == 0);
    REQUIRE(watch.repeats == 0);
    std::vector<std::set<int>> roots(kNodes);  // failed nodes above, itself included
    for (int i = 0; i < kNodes; ++i) {
      const auto at = static_cast<std::size_t>(i);
      for (const int from : graph.inputs[at]) {
        roots[at].insert(roots[static_cast<std::size_t>(from)].begin(), roots[static_cast<std::size_t>(from)].end());
      }
      const std::string name = fmt::format("n{}", i);
      if (!roots[at].empty()) {
        const std::string& because = bench.name(bench.outcome<Skipped>(name).because);
        REQUIRE(roots[at].contains(std::stoi(because.substr(because.rfind('n') + 1))));
        REQUIRE(watch.runs(at) == 0);
      } else if (graph.fails[at]) {
        roots[at].insert(i);
        REQUIRE(bench.became<Failed>(name));
      } else {
        REQUIRE(bench.became<Ran>(name));
      }
    }
  }
}

}  // namespace
}  // namespace espalier::run
