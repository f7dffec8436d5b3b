// SPDX-License-Identifier: Apache-2.0
// The stage external.vnncomp before tools of every kind: scripts that tell the truth, lie, hang, crash and flood, and
// the project's own scripts around its own program.
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <exchange/onnx.hpp>
#include <exchange/vnnlib.hpp>
#include <sys/wait.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "support/judge.hpp"
#include "support/runs.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

namespace fs = std::filesystem;

/// One pixel, two classes: score 0 is 0.5, score 1 is relu(x) = x, so that class 0 wins below x = 0.5.
Network threshold() {
  NetworkBuilder builder({1});
  builder.linear({{1}}, {0});
  builder.add(Relu{});
  builder.linear({{0}, {1}}, {0.5F, 0});
  return builder.build();
}

/// Label 0 around each centre.
Instances questions(const std::vector<float>& centres) {
  Instances q;
  for (std::size_t i = 0; i < centres.size(); ++i) {
    q.rows.push_back({.image = static_cast<std::int64_t>(i), .label = 0, .target = {}, .epsilon = 0.1});
  }
  q.centres = Tensor::of({static_cast<std::int64_t>(centres.size()), 1}, centres);
  return q;
}

std::string content(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A tool made of two scripts. Bodies find $folder, where the scripts lie, and what they were called with.
class FakeTool {
 public:
  explicit FakeTool(const std::string& run, const std::string& prepare = "exit 0") {
    write("run_instance.sh", run);
    write("prepare_instance.sh", prepare);
  }

  fs::path folder() const { return dir_.path(); }
  void write(const std::string& name, const std::string& body) const {
    std::ofstream(dir_ / name) << "#!/bin/bash\nfolder='" << dir_.path().string()
                               << "' onnx=$3 vnnlib=$4 results=$5 timeout=$6\n"
                               << body << "\n";
    fs::permissions(dir_ / name, fs::perms::owner_all);
  }

  StageBench bench(const std::vector<float>& centres = {0.45F}) const {
    fs::create_directory(dir_ / "scratch");
    StageBench bench("external.vnncomp");
    bench.give("network", threshold()).give("instances", questions(centres)).scratch_in(dir_ / "scratch");
    bench.set("epsilon", 0.1).set("budget_s", 20.0).set("grace_s", 0.0);
    bench.set("prepare", (dir_ / "prepare_instance.sh").string()).set("run", (dir_ / "run_instance.sh").string());
    return bench;
  }
  Verdicts answers(const std::vector<float>& centres) const {
    return bench(centres).run().result<Verdicts>("verdicts");
  }
  /// About the box [0.35, 0.55], in which 0.5 and more are violations.
  Verdicts::Row answer() const { return answers({0.45F}).rows.at(0); }

 private:
  TempDir dir_;
};

/// What a tool is that wrote these results.
Verdicts::Row answer_to(const std::string& results) {
  const FakeTool tool("cp \"$folder/said\" \"$results\"");
  std::ofstream(tool.folder() / "said", std::ios::binary) << results;
  return tool.answer();
}

void check_row(const Verdicts::Row& row, Verdict verdict, const std::string& message) {
  CAPTURE(row.message);
  CHECK(to_text(row.verdict) == to_text(verdict));
  CHECK(contains(row.message, message));
}

/// The processes whose numbers are in a file; there has to be one at least.
void check_all_gone(const fs::path& file, int expected) {
  std::istringstream numbers(content(file));
  int count = 0;
  for (std::string process; numbers >> process; ++count) CHECK_MESSAGE(!testing::runs(process), process);
  CHECK(count == expected);
}

std::string error_text(StageBench bench) {
  try {
    bench.run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::ptrdiff_t open_files() {
  return std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator{});
}

/// Answers about `threshold`: sat where the box holds 0.5.
const char* const kHonest = R"sh(
high=$(sed -n 's/^(assert (<= X_0 \(.*\)))$/\1/p' "$vnnlib")
if awk "BEGIN { exit !($high >= 0.5) }"; then
  printf 'sat\n((X_0 %s)\n(Y_0 0.5)\n(Y_1 %s))\n' "$high" "$high" >"$results"
else
  echo unsat >"$results"
fi)sh";

}  // namespace

TEST_CASE("external: an honest tool's answers are taken, its counterexamples replayed") {
  const FakeTool tool(kHonest);
  const Verdicts verdicts =
      with_checked_witnesses(tool.answers({0.2F, 0.45F, 0.39F}), threshold(), questions({0.2F, 0.45F, 0.39F}));
  CHECK(verdicts.solver == "external.vnncomp");
  check_row(verdicts.rows.at(0), Verdict::robust, "the tool's own word");
  CHECK(verdicts.rows[0].bound == -HUGE_VAL);
  check_row(verdicts.rows.at(1), Verdict::counterexample, "");
  CHECK(verdicts.rows[1].witness_checked);
  CHECK(verdicts.witnesses.as<float>()[0] >= 0.5F);
  check_row(verdicts.rows.at(2), Verdict::robust, "");
}

TEST_CASE("external: a tool is called as the competition does, with the question in files") {
  const FakeTool tool(
      "echo run \"$@\" >>\"$folder/calls\"; cp \"$onnx\" \"$vnnlib\" \"$folder\"; pwd >\"$folder/where\"; echo unknown "
      ">\"$results\"",
      "echo prepare \"$@\" >>\"$folder/calls\"");
  StageBench bench = tool.bench();
  bench.set("category", "acasxu").set("version", "fake 1.2");
  const Verdicts verdicts = bench.run().result<Verdicts>("verdicts");
  CHECK(verdicts.solver == "external.vnncomp: fake 1.2");
  check_row(verdicts.rows.at(0), Verdict::unknown, "the tool says");

  const std::string where = content(tool.folder() / "where").substr(0, content(tool.folder() / "where").size() - 1);
  CHECK(fs::path(where).parent_path() == tool.folder() / "scratch");
  CHECK(content(tool.folder() / "calls") == "prepare v1 acasxu " + where + "/network.onnx " + where +
                                                "/property.vnnlib\nrun v1 acasxu " + where + "/network.onnx " + where +
                                                "/property.vnnlib " + where + "/results.txt 20\n");
  CHECK_MESSAGE(fs::is_empty(tool.folder() / "scratch"), "nothing is left behind");

  const Network network = exchange::read_onnx(tool.folder() / "network.onnx");
  CHECK(network.forward(std::vector<double>{0.25}) == threshold().forward(std::vector<double>{0.25}));
  const Property property = exchange::read_vnnlib(tool.folder() / "property.vnnlib");
  const double low = static_cast<double>(0.45F) - 0.1;
  CHECK(property.boxes.at(0).low[0] < low);  // whatever the decimals are, the real box is inside
  CHECK(property.boxes[0].low[0] > low - 1e-15);
  REQUIRE(property.cases.size() == 1);
  CHECK(property.cases[0].constraints.at(0).terms == std::vector<OutputConstraint::Term>{{0, 1}, {1, -1}});
}

TEST_CASE("external: what a tool says besides answers") {
  check_row(answer_to("unknown\n"), Verdict::unknown, "the tool says 'unknown'");
  check_row(answer_to("timeout"), Verdict::timeout, "the tool says 'timeout'");
  check_row(answer_to("error\n"), Verdict::error, "the tool says 'error'");
  check_row(answer_to(" unsat \r\n"), Verdict::robust, "own word");
  check_row(answer_to(""), Verdict::error, "results begin with ''");
  check_row(answer_to("unsatisfied, alas"), Verdict::error, "results begin with 'unsatisfied, alas'");
  check_row(answer_to("\x1b\xff\x01\n"), Verdict::error,
            "results begin with '?"
            "?"
            "?'");
}

TEST_CASE("external: a counterexample is one only when it is replayed") {
  check_row(answer_to("sat\n((X_0 0.53)\n(Y_0 9)\n(Y_1 8))\n"), Verdict::counterexample, "");
  check_row(answer_to("sat\r\n X_0 +5e-1 \r\n"), Verdict::counterexample, "");
  check_row(answer_to("sat\n((X_0 0.55005))"), Verdict::counterexample, "5e-05 outside the box");
  check_row(answer_to("sat\n((X_0 0.4)\n(Y_0 0)\n(Y_1 1))\n"), Verdict::error,
            "says 'sat', but its witness, replayed, is none: constraint 0 is 0.0");
  check_row(answer_to("sat\n((X_0 0.9))"), Verdict::error, "element 0 of the witness is 0.9, outside [0.3");
  check_row(answer_to("sat\n((X_0 0.3499))"), Verdict::error, "is none");
}

TEST_CASE("external: a witness that cannot be read is no witness") {
  const std::string readable[] = {"nan", "-inf", "0,5", "0x1", "1e999", "0.5f", "--1", ""};
  for (const std::string& number : readable) {
    check_row(answer_to("sat\n((X_0 " + number + "))"), Verdict::error, "gives X_0 as '" + number + "', which is no");
  }
  check_row(answer_to("sat\n"), Verdict::error, "gives no witness");
  check_row(answer_to("sat\n(())"), Verdict::error, "gives no witness");
  check_row(answer_to("sat\n((Y_0 0.5))"), Verdict::error, "does not give X_0");
  check_row(answer_to("sat\n((X_0 0.5)(X_0 0.5))"), Verdict::error, "gives X_0 twice");
  check_row(answer_to("sat\n((X_0 0.5)(X_1 0.5))"), Verdict::error, "names X_1 of 1 inputs");
  check_row(answer_to("sat\n((X_99999999999999999999 0.5))"), Verdict::error, "where X_0, Y_0 and so on are expected");
  check_row(answer_to("sat\n((Z_0 0.5))"), Verdict::error, "has 'Z_0' where");
  check_row(answer_to("sat\nX"), Verdict::error, "has 'X' where");
}

TEST_CASE("external: scripts that fail") {
  check_row(FakeTool("exit 0").answer(), Verdict::error, "wrote no results");
  check_row(FakeTool("echo unsat >\"$results\"; echo 'no licence' >&2; exit 3").answer(), Verdict::error,
            "run_instance.sh returned 3; its last words: 'no licence'");
  check_row(FakeTool("kill -SEGV $$").answer(), Verdict::error, "run_instance.sh was ended by signal 11 (SIGSEGV)");
  check_row(FakeTool("bash -c 'kill -ABRT $$'; exit $?").answer(), Verdict::error,
            "returned 134, as after signal 6 (SIGABRT)");
  check_row(FakeTool("echo unsat >\"$results\"", "exit 1").answer(), Verdict::error, "prepare_instance.sh returned 1");
  check_row(FakeTool("ln -s /dev/zero \"$results\"").answer(), Verdict::error, "wrote no results");
}

TEST_CASE("external: scripts that are not there, or cannot be run, fail the node") {
  const FakeTool tool("exit 0");
  fs::permissions(tool.folder() / "prepare_instance.sh", fs::perms::owner_read);
  CHECK(contains(error_text(tool.bench()), "prepare_instance.sh' is not executable"));
  fs::remove(tool.folder() / "prepare_instance.sh");
  CHECK(contains(error_text(tool.bench()), "there is no '"));
  std::ofstream(tool.folder() / "prepare_instance.sh") << "exit 0\n";  // nothing says what is to read it
  fs::permissions(tool.folder() / "prepare_instance.sh", fs::perms::owner_all);
  CHECK(contains(error_text(tool.bench()), "cannot start '"));
}

TEST_CASE("external: a tool that hangs is ended") {
  const FakeTool tool("trap '' TERM; while true; do sleep 1000; done");
  StageBench bench = tool.bench();
  bench.set("budget_s", 0.125).set("grace_s", 0.125);
  check_row(bench.run().result<Verdicts>("verdicts").rows.at(0), Verdict::timeout,
            "run_instance.sh was ended after 0.25 s");
  const FakeTool slow("exit 0", "sleep 1000");
  StageBench preparing = slow.bench();
  check_row(preparing.set("prepare_s", 0.05).run().result<Verdicts>("verdicts").rows.at(0), Verdict::timeout,
            "prepare_instance.sh was ended after 0.05 s");
}

TEST_CASE("external: what a tool leaves running when it is done is ended") {
  const FakeTool tool("sleep 1000 & echo $! >\"$folder/pids\"; echo unsat >\"$results\"");
  check_row(tool.answer(), Verdict::robust, "");
  check_all_gone(tool.folder() / "pids", 1);
}

TEST_CASE("external: a tool that writes without end is ended") {
  check_row(FakeTool("yes").answer(), Verdict::error, "had written more than 64 MiB; its last words: 'y'");
  check_row(FakeTool("yes >\"$results\"").answer(), Verdict::error, "had written more than 64 MiB");
  check_row(FakeTool("yes '' | head -c 3000000; echo unsat >\"$results\"").answer(), Verdict::robust, "");
}

TEST_CASE("external: a tool gets no more memory than it may have") {
  const FakeTool tool("head -c 600M /dev/zero | tail >/dev/null || exit 1; echo unsat >\"$results\"");
  StageBench bench = tool.bench();
  check_row(bench.set("memory_mib", 300).run().result<Verdicts>("verdicts").rows.at(0), Verdict::unknown,
            "run_instance.sh needed more than the 300 MiB of memory it may have and returned");
  const FakeTool modest(kHonest);
  StageBench enough = modest.bench();
  check_row(enough.set("memory_mib", 300).run().result<Verdicts>("verdicts").rows.at(0), Verdict::counterexample, "");
}

TEST_CASE("external: all processes of a tool together get no more memory than one") {
  const std::string several =
      "for i in 1 2 3 4; do (head -c 70M /dev/zero; touch \"$folder/$i\"; $then) | tail >/dev/null & done; wait; "
      "echo unsat >\"$results\"";
  const FakeTool tool("then='sleep 1000'; " + several);
  StageBench bench = tool.bench();
  check_row(bench.set("memory_mib", 200).run().result<Verdicts>("verdicts").rows.at(0), Verdict::unknown,
            "run_instance.sh was ended when its processes held more than the 200 MiB of memory that they may have "
            "together");
  const FakeTool patient("then=true; " + several);
  StageBench enough = patient.bench();
  check_row(enough.set("memory_mib", 600).run().result<Verdicts>("verdicts").rows.at(0), Verdict::robust, "");
}

TEST_CASE("external: a run that is stopped ends the tool with all that came of it") {
  const FakeTool tool(R"sh(
trap '' TERM
note='echo $BASHPID >>"$0"; while true; do sleep 1000; done'
bash -c "trap '' TERM; $note" "$folder/pids" &
timeout 1000 bash -c "$note" "$folder/pids" &
setsid bash -c "$note" "$folder/pids" &
(setsid bash -c "trap '' TERM; $note" "$folder/pids" &)
echo $BASHPID >>"$folder/pids"
until [ "$(wc -l <"$folder/pids")" -eq 5 ]; do sleep 0.01; done
touch "$folder/started"
while true; do sleep 1000; done)sh");
  StageBench bench = tool.bench();
  bench.set("budget_s", 0.0);
  std::jthread stopper([&](const std::stop_token& enough) {
    while (!fs::exists(tool.folder() / "started") && !enough.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    bench.request_stop();
  });
  CHECK_THROWS_AS(bench.run(), Error);
  check_all_gone(tool.folder() / "pids", 5);
}

TEST_CASE("external: asking leaves no open file and no process") {
  const std::ptrdiff_t before = open_files();
  const FakeTool tool(kHonest);
  tool.answers({0.2F, 0.45F, 0.1F, 0.3F});
  check_row(FakeTool("kill -KILL $$").answer(), Verdict::error, "SIGKILL");
  CHECK(open_files() == before);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child, not even one that ended
}

TEST_CASE("external: a tool has no files of ours open") {
  const FakeTool tool("readlink /proc/$$/fd/* >\"$folder/files\"; echo unsat >\"$results\"");
  const std::ofstream open(tool.folder() / "ours");
  check_row(tool.answer(), Verdict::robust, "");
  const std::string files = content(tool.folder() / "files");
  CHECK(contains(files, "/run_instance.sh\n"));
  CHECK(!contains(files, "/ours\n"));
}

TEST_CASE("external: this program, asked as a tool of others, is never wrong") {
  REQUIRE(fs::exists(ESPALIER_PROGRAM));
  setenv("ESPALIER", ESPALIER_PROGRAM, 1);
  const std::string scripts = std::string(ESPALIER_SOURCE_DIR) + "/tools/vnncomp/";
  const TempDir scratch;
  const auto ask = [&](const RobustnessQuestion& q) {
    StageBench bench("external.vnncomp");
    bench.give("network", q.network).give("instances", q.instances()).scratch_in(scratch.path());
    bench.set("epsilon", q.epsilon).set("budget_s", 5.0);
    bench.set("prepare", scripts + "prepare_instance.sh").set("run", scripts + "run_instance.sh");
    const Verdicts verdicts =
        with_checked_witnesses(bench.run().result<Verdicts>("verdicts"), q.network, q.instances());
    const Verdicts::Row& row = verdicts.rows.at(0);
    Judged answer{.verdict = row.verdict, .bound = row.bound, .message = row.message};
    if (row.verdict == Verdict::counterexample) answer.witness = verdicts.witnesses.to_doubles();
    return answer;
  };
  const Tally tally = judge_robustness(ask, soundness_questions(12));
  unsetenv("ESPALIER");
  MESSAGE(tally.text());
  CHECK_MESSAGE(tally.faults.empty(), tally.fault_text());
  CHECK(tally.robust > 0);
  CHECK(tally.counterexamples > 0);
}

TEST_CASE("external: a false 'unsat' fails the cross-check, which shows it beside the counterexample of another") {
  const Instances q = questions({0.45F});
  StageBench crown("crown.verify");
  crown.give("network", threshold()).give("instances", q).set("epsilon", 0.1).run();
  StageBench crosscheck("measure.crosscheck");
  crosscheck.give("networks", threshold()).give("instances", q);
  crosscheck.give("verdicts", FakeTool("echo unsat >\"$results\"").answers({0.45F}));
  crosscheck.give("verdicts", crown.result<Verdicts>("verdicts"));
  const std::string text = error_text(crosscheck);
  CAPTURE(text);
  CHECK(contains(text, "external.vnncomp"));
  CHECK(contains(text, "crown.verify"));
  CHECK(contains(text, "image 0, label 0"));
}
