// SPDX-License-Identifier: Apache-2.0
// What the engine does around one stage: checks, failures, logs, scratch, witnesses, lost objects.
#include <fstream>
#include <iterator>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "run/file_name.hpp"
#include "support/run_bench.hpp"
#include "support/temp_dir.hpp"

namespace espalier::run {
namespace {

using testing::Body;
using testing::Num;
using testing::RunBench;
using testing::TempDir;
using testing::Word;

struct Nothing {};
void no_body(const Nothing&, Context&) {
  throw std::logic_error("the test gives the body");
}

/// rig.node: one optional Num, a list of Num, one Num out. rig.pair: two outputs. rig.verify: what a verifier looks
/// like.
PluginSpec rig_plugin() {
  PluginBuilder plugin;
  plugin.name("rig").version("7").doc("Stages with bodies of the test.");
  plugin.stage("node", no_body)
      .doc("What the test says.")
      .input<Num>("one", "a number")
      .optional()
      .inputs<Num>("many", "numbers")
      .optional()
      .output<Num>("out", "a number");
  plugin.stage("net", no_body).doc("A network.").output<Network>("network", "it");
  plugin.stage("ask", no_body).doc("A question.").output<Instances>("instances", "it");
  plugin.stage("verify", no_body)
      .doc("A verifier.")
      .input<Network>("network", "what is asked about")
      .input<Instances>("instances", "what is asked")
      .output<Verdicts>("verdicts", "answers");
  return plugin.take();
}

/// Runs one rig.node with that body.
Failed failure_of(const Body& body, const std::string& inputs = "") {
  RunBench bench("[fake.source.s]\n[rig.node.x]\n" + inputs);
  bench.add(rig_plugin(), {{"node", body}});
  bench.run();
  return bench.outcome<Failed>("x");
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a stage that breaks its own description fails, and the message says what differs") {
  const Body nothing = [](const ParamValues&, Context&) {};
  CHECK(failure_of(nothing).message == "stage 'rig.node' did not set its output 'out'");
  CHECK(failure_of(nothing).hint == "this is a mistake in the plugin 'rig': its description and its code differ");
  CHECK(failure_of(nothing).code == Code::internal);
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.out("outt", Num::with(1)); }).message ==
        "stage 'rig.node' sets an output 'outt' that it does not declare; did you mean 'out'?");
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.out("out", Word::with("w")); }).message ==
        "stage 'rig.node' sets its output 'out' to Word, but declares Num");
  CHECK(failure_of([](const ParamValues&, Context& ctx) {
          ctx.out("out", Num::with(1));
          ctx.out("out", Num::with(2));
        }).message == "stage 'rig.node' sets its output 'out' twice");
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.in<Num>("ones"); }).message ==
        "stage 'rig.node' asks for an input 'ones' that it does not declare; did you mean 'one'?");
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.in<Num>("many"); }).message ==
        "stage 'rig.node' asks for one artifact of 'many', which takes a list");
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.in<Num>("one"); }).message ==
        "stage 'rig.node' asks for its optional input 'one' as if it were always there");
  CHECK(failure_of([](const ParamValues&, Context& ctx) { ctx.in<Word>("one"); }, "one = \"s\"\n").message ==
        "stage 'rig.node' asks for its input 'one' as Word, but declares Num");
}

TEST_CASE("whatever leaves a body becomes a failure; only the first line of a foreign exception is the message") {
  TempDir logs;
  RunBench bench("[rig.node.x]\n");
  bench.options.log_folder = logs.path();
  int what = 0;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context&) {
                              if (what == 0) throw std::runtime_error("bad shape\nframe #0: somewhere\nframe #1");
                              if (what == 1) throw std::bad_alloc();
                              throw 42;
                            }}});
  bench.run();
  CHECK(bench.outcome<Failed>("x").message == "bad shape");
  std::ifstream in(log_file(logs.path(), "rig.node.x"));
  const std::string log(std::istreambuf_iterator<char>(in), {});
  CHECK(log == "bad shape\nframe #0: somewhere\nframe #1\nfailed: bad shape\n");
  what = 1;
  bench.run();
  CHECK(bench.outcome<Failed>("x").message == "out of memory");
  what = 2;
  bench.run();
  CHECK(bench.outcome<Failed>("x").message == "the stage threw something that is not a std::exception");
}

TEST_CASE("log lines are kept and shown, progress ends with the last step, scratch is there and goes away") {
  TempDir logs;
  TempDir scratch;
  RunBench bench("[rig.node.x]\n[fake.source.silent]\n");
  bench.options.log_folder = logs / "deep";
  bench.options.scratch_root = scratch.path();
  std::filesystem::path used;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context& ctx) {
                              ctx.log("epoch 1");
                              ctx.log("epoch 2");
                              for (int i = 1; i <= 1000; ++i) ctx.progress(i, 1000);
                              used = ctx.scratch();
                              CHECK(used == ctx.scratch());
                              std::ofstream(used / "file") << "text";
                              CHECK(std::filesystem::exists(used / "file"));
                              ctx.out("out", Num::with(1));
                            }}});
  bench.run();
  CHECK(bench.told.lines == std::vector<std::string>{"epoch 1", "epoch 2"});
  REQUIRE_FALSE(bench.told.progress.empty());
  CHECK(bench.told.progress.size() < 1000);
  CHECK(bench.told.progress.back() == std::pair(1000.0, 1000.0));
  CHECK(used.parent_path() == scratch.path());
  CHECK_FALSE(std::filesystem::exists(used));
  std::ifstream in(logs / "deep" / "rig.node.x.log");
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "epoch 1\nepoch 2\n");
  CHECK_FALSE(std::filesystem::exists(logs / "deep" / "fake.source.silent.log"));
}

TEST_CASE("file names: those of nodes stay as they are, others cannot collide or leave their folder") {
  CHECK(safe_file_name("prune.neurons.np@net=net1,set=set2") == "prune.neurons.np@net=net1,set=set2");
  CHECK(safe_file_name("a b") != safe_file_name("a_b"));
  CHECK(safe_file_name("a/b") != safe_file_name("a_b"));
  CHECK(safe_file_name("..").front() == '_');
  CHECK(safe_file_name("../../etc/passwd").find('/') == std::string::npos);
  CHECK(safe_file_name(std::string(500, 'x')).size() < 220);
  CHECK(safe_file_name(std::string(500, 'x')) != safe_file_name(std::string(501, 'x')));
}

TEST_CASE("labels reach labelled ports only, optional inputs may be absent, lists keep their order") {
  RunBench bench(R"(
[axes]
k = ["a", "b"]
[fake.source.s]
value = { by = "k", a = 3, b = 4 }
[fake.tally.t]
in = "s"
[rig.node.x]
many = "s"
)");
  std::vector<std::string> seen;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context& ctx) {
                              CHECK(ctx.in_optional<Num>("one") == nullptr);
                              for (const Gathered& part : ctx.all("many")) {
                                seen.push_back(fmt::format("{} {}", static_cast<const Num&>(*part.artifact).value,
                                                           part.labels.size()));
                              }
                              ctx.out("out", Num::with(1));
                            }}});
  bench.run();
  CHECK(seen == std::vector<std::string>{"3 0", "4 0"});
  const ArtifactPtr text = bench.store.load(bench.content("t"), "Word");
  CHECK(static_cast<const Word&>(*text).text == "k=a 3.000000\nk=b 4.000000\n");
}

TEST_CASE("provenance says who made a result, where and with what") {
  RunBench bench("[rig.node.x]\n");
  bench.surroundings.machine = {{"blas", "openblas"}};
  bench.add(rig_plugin(), {{"node", [](const ParamValues&, Context& ctx) { ctx.out("out", Num::with(1)); }}});
  bench.run();
  const auto action = bench.store.action(bench.outcome<Ran>("x").key);
  REQUIRE(action);
  CHECK(action->provenance.plugin == "rig 7");
  CHECK_FALSE(action->provenance.host.empty());
  CHECK_FALSE(action->provenance.cpu.empty());
  CHECK(action->provenance.finished.ends_with("Z"));
  CHECK(action->provenance.versions.at("blas") == "openblas");
  CHECK(action->provenance.versions.at("threads") == "1");
  CHECK_FALSE(action->retry_on_timeout);
}

TEST_CASE("a result that cannot be stored is a failure of its node") {
  RunBench bench("[fake.source.a]\n[fake.add.b]\nin = \"a\"\n");
  bench.disk.set_read_only(true);
  bench.run();
  CHECK(bench.outcome<Failed>("a").code == Code::io);
  CHECK(bench.became<Skipped>("b"));
}

TEST_CASE("artifacts leave memory when the last node that takes them is done") {
  // a -- b -- c -- d     what a gave is gone when d runs
  RunBench bench(R"(
[fake.source.a]
[rig.node.b]
one = "a"
[fake.add.c]
in = "b"
[rig.node.d]
one = "c"
)");
  std::weak_ptr<const Artifact> first;
  int calls = 0;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context& ctx) {
                              if (++calls == 1) first = bench.store.load(bench.store.digest_of(Num::with(1)), "Num");
                              if (calls == 1) CHECK(&ctx.in<Num>("one") == first.lock().get());
                              if (calls == 2) CHECK(first.expired());
                              ctx.out("out", Num::with(10 * ctx.in<Num>("one").value));
                            }}});
  bench.run();
  CHECK(calls == 2);
  CHECK(bench.value("d") == 110);
}

/// A network that gives its two inputs back, and the question whether class 0 holds around (1, 0) within 0.1.
Network identity() {
  Linear same{.weight = Tensor::of({2, 2}, std::vector<float>{1, 0, 0, 1}),
              .bias = Tensor::of({2}, std::vector<float>{0, 0}),
              .mask = {}};
  return Network({2}, {Layer{.name = "same", .op = same, .inputs = {0}}});
}
Instances question(double epsilon) {
  Instances asked;
  asked.rows.push_back({.image = 17, .label = 0, .target = {}, .epsilon = epsilon});
  asked.centres = Tensor::of({1, 2}, std::vector<float>{1, 0});
  return asked;
}
Verdicts claim(std::vector<float> witness) {
  Verdicts answer;
  answer.solver = "rig.verify";
  answer.rows.push_back({.image = 17, .label = 0, .target = {}, .verdict = Verdict::counterexample, .message = ""});
  answer.witnesses = Tensor::of({1, 2}, std::move(witness));
  answer.witness_rows = {0};
  return answer;
}

TEST_CASE("a counterexample is stored as one only if it is one; an `error` is told and does not skip what is below") {
  for (const bool is_one : {true, false}) {
    CAPTURE(is_one);
    RunBench bench(R"(
[rig.net.n]
[rig.ask.q]
[rig.verify.v]
network = "n"
instances = "q"
)");
    bench.add(rig_plugin(),
              {{"net", [](const ParamValues&, Context& ctx) { ctx.out("network", identity()); }},
               {"ask", [](const ParamValues&, Context& ctx) { ctx.out("instances", question(0.6)); }},
               {"verify", [&](const ParamValues&, Context& ctx) {
                  Verdicts answer = claim(is_one ? std::vector<float>{0.45F, 0.55F} : std::vector<float>{0.6F, 0.1F});
                  answer.rows[0].epsilon = 0.6;
                  ctx.out("verdicts", std::move(answer));
                }}});
    bench.run();
    REQUIRE(bench.became<Ran>("v"));
    const ArtifactPtr stored = bench.store.load(bench.content("v"), "Verdicts");
    const Verdicts::Row& row = static_cast<const Verdicts&>(*stored).rows.at(0);
    CHECK(row.witness_checked == is_one);
    CHECK(row.verdict == (is_one ? Verdict::counterexample : Verdict::error));
    const std::map<int, int> expected = is_one ? std::map<int, int>{} : std::map<int, int>{{bench.node("v"), 1}};
    CHECK(bench.report.verdict_errors == expected);
    CHECK(bench.told.warnings.size() == expected.size());
    if (!is_one) CHECK(mentions(bench.told.warnings.at(0), "image 17"));
    bench.run();
    CHECK(bench.report.hit == 3);
    CHECK(bench.report.verdict_errors == expected);  // a warm run ends like the cold one
  }
}

TEST_CASE("a damaged input is made again in passing, and the run goes on") {
  RunBench bench("[fake.source.a]\nvalue = 4\n[fake.add.b]\nin = \"a\"\n[fake.add.c]\nin = \"b\"\nby = 1\n");
  bench.run();
  const core::Path of_a = bench.store.object_path(bench.content("a"));
  const core::Path of_b = bench.store.object_path(bench.content("b"));
  bench.set_text("[fake.source.a]\nvalue = 4\n[fake.add.b]\nin = \"a\"\n[fake.add.c]\nin = \"b\"\nby = 2\n");
  SUBCASE("one object") {
    bench.disk.rot(of_b);
    bench.run();
    CHECK(bench.told.warnings.size() == 1);
    CHECK(mentions(bench.told.warnings.at(0), of_b.string()));
    CHECK(mentions(bench.told.warnings.at(0), "'fake.add.b' will be made again"));
  }
  SUBCASE("and what it is made from") {
    bench.disk.rot(of_a);
    bench.disk.rot(of_b);
    bench.run();
    CHECK(bench.told.warnings.size() == 2);
  }
  CHECK(bench.executed() == testing::Names{"fake.add.c"});
  CHECK(bench.value("c") == 7);
  bench.run();
  CHECK(bench.report.hit == 3);
  CHECK(bench.told.warnings.empty());
}

TEST_CASE("a result that does not come out the same again is not passed off as the old one") {
  RunBench bench("[rig.node.clock]\n[fake.add.b]\nin = \"clock\"\n[fake.add.other]\nin = \"clock\"\nby = 5\n");
  int calls = 0;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context& ctx) { ctx.out("out", Num::with(++calls)); }}});
  bench.run();
  bench.disk.rot(bench.store.object_path(bench.content("clock")));
  bench.set_text("[rig.node.clock]\n[fake.add.b]\nin = \"clock\"\nby = 2\n[fake.add.other]\nin = \"clock\"\nby = 6\n");
  bench.run();
  CHECK(calls == 2);  // once for both that wanted it
  for (const char* name : {"b", "other"}) {
    CHECK(mentions(bench.outcome<Failed>(name).message, "gave another result"));
    CHECK(mentions(bench.outcome<Failed>(name).hint, "run the pipeline again"));
  }
  bench.run();
  CHECK(calls == 2);
  CHECK(bench.value("b") == 4);
  CHECK(bench.value("other") == 8);
}

TEST_CASE("a lost input that cannot be made again fails the nodes that need it, with both names") {
  RunBench bench("[rig.node.once]\n[fake.add.b]\nin = \"once\"\n");
  int calls = 0;
  bench.add(rig_plugin(), {{"node", [&](const ParamValues&, Context& ctx) {
                              if (++calls > 1) throw Error(Code::io, "the licence server is gone", "ask for it");
                              ctx.out("out", Num::with(1));
                            }}});
  bench.run();
  bench.disk.rot(bench.store.object_path(bench.content("once")));
  bench.set_text("[rig.node.once]\n[fake.add.b]\nin = \"once\"\nby = 2\n");
  bench.run();
  CHECK(bench.outcome<Failed>("b").message ==
        "a stored result of 'rig.node.once' was lost, and making it again failed: the licence server is gone");
  CHECK(bench.outcome<Failed>("b").hint == "ask for it");
}

TEST_CASE("a damaged result that nothing needs is made again all the same, when its file shows it") {
  RunBench bench("[fake.source.a]\nvalue = 4\n[fake.add.b]\nin = \"a\"\n");
  bench.run();
  bench.disk.plant(bench.store.object_path(bench.content("b")), "rubbish");
  bench.run();
  CHECK(bench.executed() == testing::Names{"fake.add.b"});
  CHECK(bench.value("b") == 5);
}

TEST_CASE("damage below a node that runs is told") {
  RunBench bench("[fake.source.a]\nvalue = 4\n[fake.add.b]\nin = \"a\"\n");
  bench.run();
  bench.disk.plant(bench.store.object_path(bench.content("b")), "rubbish");
  bench.options.force = {true, false};
  bench.run();
  CHECK(bench.executed() == testing::Names{"fake.add.b", "fake.source.a"});
  REQUIRE(bench.told.warnings.size() == 1);
  CHECK(mentions(bench.told.warnings.at(0), bench.store.object_path(bench.content("b")).string()));
  CHECK(mentions(bench.told.warnings.at(0), "runs again"));
}

TEST_CASE("an object that vanishes after it was looked up is made again too") {
  RunBench bench("[fake.source.a]\n[fake.add.b]\nin = \"a\"\n");
  bench.run();
  bench.set_text("[fake.source.a]\n[fake.add.b]\nin = \"a\"\nby = 2\n");
  Resolution resolution = bench.resolve();
  bench.disk.remove(bench.store.object_path(bench.content("a")));
  bench.told = testing::Recorder();
  bench.report = execute(bench.plan(), bench.registry, bench.store, bench.surroundings, bench.lanes, bench.options,
                         std::move(resolution), bench.told, {});
  CHECK(bench.value("b") == 3);
  CHECK(bench.disk.stat(bench.store.object_path(bench.content("a"))));
}

}  // namespace
}  // namespace espalier::run
