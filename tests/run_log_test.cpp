// SPDX-License-Identifier: Apache-2.0
#include "cache/run_log.hpp"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/memory_disk.hpp"

using espalier::Digest;
using espalier::digest_of;
using espalier::cache::RunLog;
using espalier::cache::RunRecord;
using espalier::testing::MemoryDisk;

namespace {

RunRecord record_of(const std::string& id, const std::string& pipeline) {
  return {.id = id,
          .pipeline = pipeline,
          .file = "pipelines/" + pipeline + ".toml",
          .started = "2026-03-01T14:22:33Z",
          .seconds = 1.5,
          .outcome = "failed",
          .total = 5,
          .hit = 1,
          .ran = 2,
          .failed = 1,
          .skipped = 1,
          .keys = {{"a", digest_of("a").hex()}, {"b@net=net1", digest_of("b").hex()}},
          .node_seconds = {{"a", 0.1}, {"b@net=net1", 1.25}},
          .failures = {{"c", "loss is nan: \"bad\""}},
          .skips = {{"e", "c"}},
          .reports = {"runs/" + id + "/reports/t.html"},
          .state = digest_of("state")};
}

struct Bench {
  MemoryDisk disk;
  RunLog log{disk, "/s"};

  std::string add(const std::string& pipeline, std::map<std::string, double> node_seconds = {}) {
    RunRecord record = record_of(log.new_id(pipeline), pipeline);
    record.node_seconds = std::move(node_seconds);
    record.state = digest_of(record.id);
    log.write(record);
    return record.id;
  }
};

}  // namespace

TEST_CASE("a run's record reads back as it was written") {
  Bench bench;
  const std::string id = bench.log.new_id("quick");
  CHECK(bench.disk.all_files().empty());  // an id alone writes nothing
  const RunRecord written = record_of(id, "quick");
  bench.log.write(written);
  const auto read = bench.log.read(id);
  REQUIRE(read);
  CHECK(read->id == id);
  CHECK(read->pipeline == "quick");
  CHECK(read->file == written.file);
  CHECK(read->started == written.started);
  CHECK(read->seconds == 1.5);
  CHECK(read->outcome == "failed");
  CHECK(read->total == 5);
  CHECK(read->hit == 1);
  CHECK(read->ran == 2);
  CHECK(read->failed == 1);
  CHECK(read->skipped == 1);
  CHECK(read->keys == written.keys);
  CHECK(read->node_seconds == written.node_seconds);
  CHECK(read->failures == written.failures);
  CHECK(read->skips == written.skips);
  CHECK(read->reports == written.reports);
  CHECK(read->state == written.state);
  CHECK(bench.disk.stat(bench.log.folder(id) / "run.json"));
}

TEST_CASE("ids are unique, however many runs start at once, and sort by time") {
  MemoryDisk disk;
  const RunLog log(disk, "/s");
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> all;
  for (auto& mine : made) {
    all.emplace_back([&] {
      for (int i = 0; i < 500; ++i) mine.push_back(log.new_id("quick"));
    });
  }
  for (auto& thread : all) thread.join();
  std::set<std::string> distinct;
  for (const auto& mine : made) distinct.insert(mine.begin(), mine.end());
  CHECK(distinct.size() == 2000);
  CHECK(made[0][0].size() == std::string("20260301-142233-quick-4f2a91c3").size());
}

TEST_CASE("a pipeline's name can not lead out of the folder, and names stay apart") {
  Bench bench;
  const std::string id = bench.log.new_id("../../etc/a b");
  CHECK(id.find('/') == std::string::npos);
  CHECK(id.find("..") == std::string::npos);
  const std::string spaced = bench.add("a b");
  const std::string dashed = bench.add("a_b");
  CHECK(bench.log.latest("a b")->id == spaced);
  CHECK(bench.log.latest("a_b")->id == dashed);
  bench.add("");
  CHECK(bench.log.ids().size() == 3);
}

TEST_CASE("runs come oldest first, folders of other things left out") {
  Bench bench;
  std::vector<std::string> made;
  for (const char* pipeline : {"z", "a", "m"}) {
    made.push_back(bench.add(pipeline));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  bench.disk.plant("/s/runs/notes/run.json", "{}");
  CHECK(bench.log.ids() == made);
  bench.disk.plant(bench.log.folder("20200101-000000-z-00000000") / ".run.json.17-0.tmp", "{");  // killed in the act
  CHECK(bench.log.ids() == made);
  bench.disk.append(bench.log.folder("20200101-000000-z-00000000") / "events.jsonl", "{}\n");  // its record was lost
  made.insert(made.begin(), "20200101-000000-z-00000000");
  CHECK(bench.log.ids() == made);
  CHECK_FALSE(bench.log.read(made[0]));
}

TEST_CASE("a run that was killed is known from its first record and its events") {
  Bench bench;
  RunRecord record = record_of(bench.log.new_id("quick"), "quick");
  record.outcome = espalier::cache::kUnfinished;
  record.hit = 1;
  record.ran = record.failed = record.skipped = 0;
  record.keys = {{"a", digest_of("a").hex()}, {"b", digest_of("b before").hex()}};
  record.node_seconds.clear();
  record.failures.clear();
  bench.log.write(record);
  CHECK(bench.log.read(record.id)->keys == record.keys);

  const std::string events = R"({"event":"started","at":0,"nodes":4}
{"event":"node_started","at":0.1,"node":"b"}
{"event":"node_finished","at":0.2,"node":"b","outcome":"ran","key":")" +
                             digest_of("b").hex() +
                             R"(","seconds":0.5,"cpu_seconds":0.4}
{"event":"node_finished","at":0.2,"node":"c","outcome":"hit","key":")" +
                             digest_of("c").hex() +
                             R"("}
{"event":"node_finished","at":0.3,"node":"d","outcome":"failed","message":"no","hint":"","code":"io"}
{"event":"node_finished","at":0.3,"node":"e","outcome":"skipped","because":"d"}
)";
  const std::map<std::string, std::string> all = {
      {"a", digest_of("a").hex()}, {"b", digest_of("b").hex()}, {"c", digest_of("c").hex()}};
  // The last line is torn at every place: what stands before it counts.
  const std::string torn = R"({"event":"node_finished","at":0.4,"node":"f","outcome":"ran","key":"x","seconds":1})";
  for (std::size_t length = 0; length < torn.size(); length += 9) {
    bench.disk.plant(bench.log.folder(record.id) / "events.jsonl", events + torn.substr(0, length));
    const auto read = bench.log.read(record.id);
    REQUIRE(read);
    CHECK(read->outcome == "unfinished");
    CHECK(read->keys == all);
    CHECK(read->hit == 2);
    CHECK(read->ran == 1);
    CHECK(read->failed == 1);
    CHECK(read->skipped == 1);
    CHECK(read->node_seconds == std::map<std::string, double>{{"b", 0.5}});
    CHECK(read->failures == std::map<std::string, std::string>{{"d", "no"}});
    CHECK(read->skips == std::map<std::string, std::string>{{"e", "d"}});
  }
  CHECK(bench.log.latest("quick")->id == record.id);

  record.outcome = "ok";  // the end came after all: the record alone counts
  bench.log.write(record);
  CHECK(bench.log.read(record.id)->keys == record.keys);
}

TEST_CASE("the newest run of a pipeline is known from one file, and without it too") {
  Bench bench;
  CHECK_FALSE(bench.log.latest("quick"));
  bench.add("quick");
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const std::string newest = bench.add("quick");
  bench.add("other");
  const int reads = bench.disk.calls().reads;
  CHECK(bench.log.latest("quick")->id == newest);
  CHECK(bench.log.latest("quick")->state == digest_of(newest));
  CHECK(bench.log.latest("quick")->outcome == "failed");
  CHECK(bench.log.latest("quick")->reports == std::vector<std::string>{"runs/" + newest + "/reports/t.html"});
  CHECK(bench.disk.calls().reads == reads + 4);

  for (const char* damage : {"", "{", "{\"id\": 3}", "{\"id\": \"x\", \"state\": \"y\"}"}) {
    bench.disk.plant("/s/runs/latest-quick.json", damage);
    CHECK(bench.log.latest("quick")->id == newest);
  }
  bench.disk.remove("/s/runs/latest-quick.json");
  CHECK(bench.log.latest("quick")->id == newest);
  CHECK(bench.log.latest("quick")->state == digest_of(newest));
}

TEST_CASE("a run of another store is adopted with its reports, and the newest stays the newest") {
  Bench there, here;
  RunRecord older = record_of("20260101-000000-quick-00000001", "quick");
  older.reports = {"runs/" + older.id + "/reports/t.html", "runs/" + older.id + "/../../../secret",
                   "runs/other/t.html"};
  there.disk.plant(there.log.folder(older.id) / "reports/t.html", "<p>");
  there.disk.plant("/s/secret", "not to be taken");
  there.log.write(older);
  here.log.adopt(there.log, older);
  CHECK(here.log.latest("quick")->id == older.id);
  CHECK(here.log.read(older.id)->keys == older.keys);
  CHECK(here.disk.read(here.log.folder(older.id) / "reports/t.html") == "<p>");
  CHECK(here.disk.all_files().size() == 3);  // record, report, the newest's name

  const std::string newer = here.add("quick");
  RunRecord between = record_of("20260102-000000-quick-00000001", "quick");
  between.reports.clear();
  here.log.adopt(there.log, between);
  CHECK(here.log.latest("quick")->id == newer);
  CHECK(here.log.read(between.id));
}

TEST_CASE("damaged records count as absent") {
  Bench bench;
  const std::string id = bench.add("quick", {{"a", 1.0}});
  const auto file = bench.log.folder(id) / "run.json";
  const std::string bytes = *bench.disk.read(file);
  for (std::size_t length = 0; length + 2 < bytes.size(); length += 11) {
    bench.disk.plant(file, bytes.substr(0, length));
    CHECK_FALSE(bench.log.read(id));
    CHECK(bench.log.expected_seconds("quick").empty());
  }
  for (const char* foreign : {"[]", "null", "{}", "{\"id\": {}}", "{\"nodes\": 3}"}) {
    bench.disk.plant(file, foreign);
    CHECK_FALSE(bench.log.read(id));
  }
  bench.disk.plant(file, bytes);
  bench.disk.make_unreadable(file);
  CHECK_FALSE(bench.log.read(id));
}

TEST_CASE("each node is expected to take as long as the last time it ran") {
  Bench bench;
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  bench.add("quick", {{"a", 1.0}, {"b", 2.0}});
  pause();
  bench.add("quick", {{"a", 3.0}});
  pause();
  bench.add("other", {{"a", 9.0}});
  pause();
  for (int i = 0; i < 5; ++i) bench.add("quick");  // found everything up to date
  CHECK(bench.log.expected_seconds("quick") == std::map<std::string, double>{{"a", 3.0}, {"b", 2.0}});
  CHECK(bench.log.expected_seconds("never").empty());
}
