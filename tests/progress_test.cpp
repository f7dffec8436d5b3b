// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "run/event_log.hpp"
#include "run/observers.hpp"
#include "run/progress_json.hpp"
#include "run/progress_plain.hpp"
#include "run/progress_tty.hpp"
#include "run/run_text.hpp"
#include "support/run_bench.hpp"

namespace espalier::run {
namespace {

using nlohmann::json;
using testing::MemoryDisk;
using testing::RunBench;

constexpr const char* kPipeline = R"(
[pipeline]
name = "demo"
[fake.source.a]
[fake.fail.bad]
in = "a"
message = "the loss is not finite"
[fake.add.below]
in = "bad"
[fake.add.good]
in = "a"
)";

std::vector<json> parsed(const std::string& text) {
  std::vector<json> events;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) events.push_back(json::parse(line));
  return events;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

RunReport run_with(RunBench& bench, Observer& observer) {
  return execute(bench.plan(), bench.registry, bench.store, bench.surroundings, bench.lanes, bench.options,
                 bench.resolve(), observer, {});
}

/// The calls of a small run by hand, so that every number in the output is known.
void tell(Observer& to, RunBench& bench) {
  to.started({.plan = &bench.plan(),
              .hits = 8,
              .to_run = 4,
              .expected_seconds = 242,
              .node_seconds = std::vector<double>(bench.plan().nodes().size(), 100)});
  to.node_started(bench.node("a"));
  to.node_logged(bench.node("a"), "epoch 1");
  to.node_finished(bench.node("a"), Ran{.key = {}, .seconds = 12.3, .cpu_seconds = 11});
  to.warned("something odd");
  to.node_finished(bench.node("bad"),
                   Failed{.message = "the loss is not finite", .hint = "lower the rate", .code = Code::numeric});
}

TEST_CASE("how many nodes run is a bound where what others give may be the same as before") {
  RunBench bench(kPipeline);
  CHECK(start_text({.plan = &bench.plan(), .hits = 1, .to_run = 3, .pending = 2}) ==
        "demo: 4 nodes, 1 up to date, up to 3 to run\n");
  CHECK(start_text({.plan = &bench.plan(), .hits = 3, .to_run = 1}) == "demo: 4 nodes, 3 up to date, 1 to run\n");
  bench.run();
  CHECK(bench.told.starts.at(0).to_run == 4);
  CHECK(bench.told.starts.at(0).pending == 3);
  bench.run();
  CHECK(bench.told.starts.at(0).to_run == 2);
  CHECK(bench.told.starts.at(0).pending == 1);
}

TEST_CASE("the summary names failures with hint, log and what they kept from running") {
  RunBench bench(kPipeline);
  RunReport report = run_with(bench, bench.told);
  report.seconds = 2.5;
  CHECK(summary_text(bench.plan(), report, "runs/x/logs") ==
        "1 node failed:\n"
        "  fake.fail.bad: the loss is not finite\n"
        "    hint: leave fake.fail out\n"
        "    log: runs/x/logs/fake.fail.bad.log\n"
        "    1 node that needs it was skipped\n"
        "demo: 0 up to date, 2 ran, 1 failed, 1 skipped in 2.50 s\n");
  report.interrupted = true;
  CHECK(mentions(summary_text(bench.plan(), report, ""), "interrupted, what finished is stored; demo:"));
  CHECK_FALSE(mentions(summary_text(bench.plan(), report, ""), "log:"));
}

TEST_CASE("plain: one line a finished node, log lines, warnings; hits are only counted") {
  RunBench bench(kPipeline);
  std::ostringstream out;
  ProgressPlain plain(out, {});
  tell(plain, bench);
  plain.node_finished(bench.node("good"), Hit{});
  plain.node_finished(bench.node("below"), Skipped{bench.node("bad")});
  CHECK(out.str() ==
        "demo: 12 nodes, 8 up to date, 4 to run (about 4 min 02 s)\n"
        "fake.source.a: epoch 1\n"
        "[1/4] fake.source.a  12 s (cpu 11 s)\n"
        "warning: something odd\n"
        "[2/4] FAILED fake.fail.bad: the loss is not finite\n");
}

TEST_CASE("json: every line is an object with the event and its time") {
  RunBench bench(kPipeline);
  std::ostringstream out;
  ProgressJson observer(out);
  run_with(bench, observer);
  const auto events = parsed(out.str());
  CHECK(events.front()["event"] == "started");
  CHECK(events.front()["pipeline"] == "demo");
  CHECK(events.front()["to_run"] == 4);
  CHECK(events.back()["event"] == "finished");
  CHECK(events.back()["failed"] == 1);
  double before = 0;
  std::map<std::string, json> finished;
  for (const json& event : events) {
    CHECK(event["at"].get<double>() >= before);
    before = event["at"];
    if (event["event"] == "node_finished") finished[event["node"]] = event;
  }
  CHECK(finished.size() == 4);
  CHECK(finished["fake.source.a"]["outcome"] == "ran");
  CHECK(finished["fake.source.a"]["key"].get<std::string>().size() == 64);
  CHECK(finished["fake.fail.bad"]["message"] == "the loss is not finite");
  CHECK(finished["fake.fail.bad"]["code"] == "numeric");
  CHECK(finished["fake.add.below"]["because"] == "fake.fail.bad");
}

TEST_CASE("json: bytes that are no UTF-8 do not break a line") {
  std::ostringstream out;
  ProgressJson observer(out);
  observer.warned("bad \xff byte");
  CHECK(parsed(out.str()).at(0)["text"].get<std::string>().starts_with("bad "));
}

TEST_CASE("plain and json say that the run was asked to stop") {
  std::ostringstream out;
  ProgressPlain(out, {}).stopping();
  CHECK(out.str() == "interrupted: waiting for the running nodes to stop; interrupt again to leave at once\n");
  out.str("");
  ProgressJson(out).stopping();
  CHECK(parsed(out.str()).at(0)["event"] == "stopping");
}

TEST_CASE("the event log is written in few appends and whole at the end; a full disk does not stop the run") {
  RunBench bench(kPipeline);
  MemoryDisk disk;
  SUBCASE("written") {
    EventLog log(disk, "runs/1/events.jsonl");
    run_with(bench, log);
    const auto events = parsed(disk.read("runs/1/events.jsonl").value());
    CHECK(events.size() == 9);  // the start, 3 nodes that began, 4 that ended, the end
    CHECK(events.back()["event"] == "finished");
    CHECK(disk.calls().changes < 4);
    CHECK_FALSE(log.problem());
  }
  SUBCASE("refused") {
    disk.set_read_only(true);
    EventLog log(disk, "runs/1/events.jsonl");
    CHECK(run_with(bench, log).ran == 2);
    REQUIRE(log.problem());
    CHECK(mentions(*log.problem(), "events.jsonl"));
  }
}

/// What a terminal shows: understands what ProgressTty writes, wraps at its width.
class Screen {
 public:
  explicit Screen(std::size_t columns) : columns_(columns) {}
  void write(const std::string& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (bytes[i] == '\x1b') {
        i = escape(bytes, i + 2);
      } else if (bytes[i] == '\n') {
        ++row_;
        column_ = 0;
      } else if (bytes[i] == '\r') {
        column_ = 0;
      } else {
        put(bytes[i]);
      }
    }
  }
  std::vector<std::string> rows;

 private:
  std::size_t escape(const std::string& bytes, std::size_t at) {
    std::size_t number = 0;
    for (; bytes[at] >= '0' && bytes[at] <= '9'; ++at) number = 10 * number + static_cast<std::size_t>(bytes[at] - '0');
    if (bytes[at] == 'A') row_ -= number;
    if (bytes[at] == 'J') {
      rows.resize(row_ + 1);
      rows[row_].resize(column_);
    }
    return at;
  }
  void put(char c) {
    if (column_ == columns_) {
      ++row_;
      column_ = 0;
    }
    if (rows.size() <= row_) rows.resize(row_ + 1);
    rows[row_].resize(std::max(rows[row_].size(), column_ + 1));
    rows[row_][column_++] = c;
  }
  std::size_t columns_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
};

TEST_CASE("tty: the moment is redrawn in place, failures stay, nothing of it is left at the end") {
  RunBench bench(kPipeline);
  std::ostringstream out;
  Screen screen(60);
  auto show = [&] {
    screen.write(out.str());
    out.str("");
  };
  ProgressTty tty(out, {.columns = [] { return 60; }});
  tell(tty, bench);
  tty.node_started(bench.node("good"));
  tty.node_progress(bench.node("good"), 1, 4);
  tty.tick();
  tty.tick();
  show();
  REQUIRE(screen.rows.size() == 5);
  CHECK(screen.rows[0] == "demo: 12 nodes, 8 up to date, 4 to run (about 4 min 02 s)");
  CHECK(screen.rows[1] == "warning: something odd");
  CHECK(screen.rows[2] == "failed: fake.fail.bad: the loss is not finite");
  CHECK(screen.rows[3].starts_with("[2/4] 1 running, 1 failed, "));
  CHECK(screen.rows[4].starts_with("   25% fake.add.good  "));
  // 400 s of work are expected to take 242 s; 200 s and a quarter of 100 s are done.
  CHECK(screen.rows[3].ends_with("about 105 s left"));

  tty.node_finished(bench.node("good"), Ran{});
  RunReport report;
  report.outcomes.resize(4);
  tty.finished(report);
  show();
  CHECK(screen.rows[2] == "failed: fake.fail.bad: the loss is not finite");
  CHECK(screen.rows[3].starts_with("demo: "));
  CHECK(screen.rows.size() == 4);
}

TEST_CASE("tty: what an interruption says stays, whole, and no copy of the moment with it") {
  RunBench bench(kPipeline);
  const std::string message = "interrupted: waiting for the running nodes to stop; interrupt again to leave at once";
  for (const int columns : {110, 80, 20}) {
    CAPTURE(columns);
    std::ostringstream out;
    Screen screen(static_cast<std::size_t>(columns));
    ProgressTty tty(out, {.columns = [&] { return columns; }});
    tty.started({.plan = &bench.plan(), .to_run = 4, .node_seconds = std::vector<double>(4)});
    tty.node_started(bench.node("good"));
    tty.tick();
    out << "^C";  // the terminal's, wherever the cursor is
    tty.stopping();
    tty.tick();
    tty.tick();
    screen.write(out.str());
    std::string shown;
    for (const std::string& row : screen.rows) shown += row;
    const auto at = shown.find(message);
    REQUIRE(at != std::string::npos);
    CHECK(shown.find("[0/4] 1 running") == at + message.size());
    CHECK(shown.find("[0/4]") == shown.rfind("[0/4]"));
    CHECK_FALSE(mentions(shown, "^C"));
  }
}

TEST_CASE("tty: a narrower window, long names, no columns at all") {
  RunBench bench(kPipeline);
  for (const int columns : {30, 8, 1, 0}) {
    CAPTURE(columns);
    std::ostringstream out;
    int now = 60;
    ProgressTty tty(out, {.columns = [&] { return now; }});
    tty.started({.plan = &bench.plan(), .to_run = 4, .node_seconds = std::vector<double>(4)});
    tty.node_started(0);
    tty.tick();
    now = columns;
    out.str("");
    tty.tick();
    const std::string drawn = out.str();
    // 23 characters a line at least: in 8 columns they wrapped over several rows, all of which must go.
    if (columns == 8) CHECK(mentions(drawn, "\x1b[5A"));
    std::istringstream lines(drawn.substr(drawn.find("\x1b[J") + 3));
    for (std::string line; std::getline(lines, line);)
      CHECK(line.size() <= static_cast<std::size_t>(std::max(1, columns - 1)));
  }
}

TEST_CASE("tty: colours only where they are allowed") {
  RunBench bench(kPipeline);
  for (const bool colours : {true, false}) {
    std::ostringstream out;
    ProgressTty tty(out, {.columns = [] { return 60; }, .colours = colours});
    tell(tty, bench);
    CHECK(mentions(out.str(), "\x1b[31m") == colours);
  }
}

TEST_CASE("several observers hear the same, in order; ticks come while nodes run") {
  struct Counter final : Observer {
    void tick() override { ++ticks; }
    void node_finished(int, const Outcome&) override { ++finished; }
    int ticks = 0;
    int finished = 0;
  };
  RunBench bench("[fake.slow.s]\nseconds = 0.3\n");
  Counter one;
  Counter two;
  MultiObserver both;
  both.add(one);
  both.add(two);
  run_with(bench, both);
  CHECK(one.finished == 1);
  CHECK(two.finished == 1);
  CHECK(one.ticks > 0);
  CHECK(one.ticks == two.ticks);
}

}  // namespace
}  // namespace espalier::run
