// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support/run_bench.hpp"

namespace espalier::run {
namespace {

using testing::Names;
using testing::RunBench;

const std::string kDiamond = testing::diamond_below("[fake.source.a]");

std::map<std::string, Known> states(RunBench& bench, const Resolution& resolution) {
  std::map<std::string, Known> result;
  for (std::size_t i = 0; i < resolution.state.size(); ++i) {
    const std::string& name = bench.plan().nodes()[i].name;
    result[name.substr(name.rfind('.') + 1)] = resolution.state[i];
  }
  return result;
}

TEST_CASE("in an empty store the roots will run, and what is below them is pending") {
  RunBench bench(kDiamond);
  const Resolution resolution = bench.resolve();
  CHECK(states(bench, resolution) ==
        std::map<std::string, Known>{
            {"a", Known::will_run}, {"b", Known::pending}, {"c", Known::pending}, {"d", Known::pending}});
  const auto a = static_cast<std::size_t>(bench.node("a"));
  REQUIRE(resolution.keys[a]);
  REQUIRE(resolution.ingredients[a]);
  CHECK(cache::key_of(*resolution.ingredients[a]) == *resolution.keys[a]);
  CHECK_FALSE(resolution.keys[static_cast<std::size_t>(bench.node("d"))]);
}

TEST_CASE("after a run everything is a hit, with the contents that the run made") {
  RunBench bench(kDiamond);
  const RunReport report = bench.run();
  const Resolution resolution = bench.resolve();
  for (const Known known : resolution.state) CHECK(known == Known::hit);
  CHECK(resolution.contents == report.contents);
  CHECK(resolution.keys == report.keys);
}

TEST_CASE("a changed parameter: what is above stays, the node will run, what is below is pending") {
  RunBench bench(kDiamond);
  bench.run();
  bench.set_text(std::string(kDiamond).replace(kDiamond.find("by = 2"), 6, "by = 5"));
  CHECK(states(bench, bench.resolve()) ==
        std::map<std::string, Known>{
            {"a", Known::hit}, {"b", Known::hit}, {"c", Known::will_run}, {"d", Known::pending}});
}

TEST_CASE("a forced node runs on a hit, and its key is known before") {
  RunBench bench(kDiamond);
  bench.run();
  const auto b = static_cast<std::size_t>(bench.node("b"));
  bench.options.force.assign(4, false);
  bench.options.force[b] = true;
  const Resolution resolution = bench.resolve();
  CHECK(states(bench, resolution)["b"] == Known::will_run);
  CHECK(states(bench, resolution)["c"] == Known::hit);
  CHECK(resolution.keys[b] == bench.report.keys[b]);
}

TEST_CASE("an object that is gone makes its producer run") {
  RunBench bench(kDiamond);
  bench.run();
  bench.disk.remove(bench.store.object_path(bench.content("b")));
  CHECK(states(bench, bench.resolve())["b"] == Known::will_run);
  CHECK(states(bench, bench.resolve())["a"] == Known::hit);
}

TEST_CASE("timeouts are results like others, unless the user wants them tried again") {
  RunBench bench(R"(
[fake.questions.q]
[fake.prove.slow]
instances = "q"
answer = "timeout"
[fake.prove.quick]
instances = "q"
answer = "robust"
)");
  bench.run();
  CHECK(states(bench, bench.resolve())["slow"] == Known::hit);
  bench.options.retry_timeout = true;
  CHECK(states(bench, bench.resolve())["slow"] == Known::will_run);
  CHECK(states(bench, bench.resolve())["quick"] == Known::hit);
  CHECK(states(bench, bench.resolve())["q"] == Known::hit);
}

TEST_CASE("verdicts `error` are results like others, unless the user wants what failed tried again") {
  RunBench bench(R"(
[fake.questions.q]
[fake.prove.broken]
instances = "q"
answer = "error"
[fake.prove.slow]
instances = "q"
answer = "timeout"
)");
  bench.run();
  CHECK(states(bench, bench.resolve())["broken"] == Known::hit);
  bench.options.retry_failed = true;
  CHECK(states(bench, bench.resolve())["broken"] == Known::will_run);
  CHECK(states(bench, bench.resolve())["slow"] == Known::hit);
}

TEST_CASE("shards passed on by core.join are tried again where they were made, not where they were joined") {
  RunBench bench(R"(
[fake.questions.q]
[fake.prove.slow]
instances = "q"
answer = "timeout"
shards = 2
)");
  bench.run();
  bench.options.retry_timeout = true;
  const Resolution resolution = bench.resolve();
  int will_run = 0;
  for (std::size_t i = 0; i < resolution.state.size(); ++i) {
    if (resolution.state[i] != Known::will_run) continue;
    ++will_run;
    CHECK(bench.plan().nodes()[i].stage->qualified() == "fake.prove");
  }
  CHECK(will_run == 2);
  bench.run();
  CHECK(bench.executed().size() == 2);  // the same answers again: the join below is a hit
}

TEST_CASE("a missing file is a problem of its node alone; running it says which file") {
  RunBench bench(R"(
[fake.tuned.reads]
seed = 1
data = "numbers.txt"
[fake.add.below]
in = "reads"
[fake.source.other]
)");
  const Resolution resolution = bench.resolve();
  const int reads = bench.node("reads");
  REQUIRE(resolution.problems.contains(reads));
  CHECK(resolution.problems.at(reads).code() == Code::missing);
  CHECK(resolution.state[static_cast<std::size_t>(reads)] == Known::will_run);

  bench.run();
  CHECK(bench.outcome<Failed>("reads").message.find("numbers.txt'") != std::string::npos);
  CHECK(bench.outcome<Failed>("reads").hint == "make it");
  CHECK(bench.outcome<Skipped>("below").because == reads);
  CHECK(bench.became<Ran>("other"));
  CHECK(bench.told.ran == std::vector<int>{bench.node("other")});

  const auto& path = bench.plan().nodes()[static_cast<std::size_t>(reads)].params.at("data").as<std::string>();
  bench.disk.plant(path, "1 2 3");
  bench.run();
  CHECK(bench.became<Ran>("reads"));
  bench.disk.plant(path, "1 2 4");
  bench.run();
  CHECK(bench.executed() == Names{"fake.tuned.reads"});  // the same result: early cutoff below
}

}  // namespace
}  // namespace espalier::run
