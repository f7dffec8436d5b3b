// SPDX-License-Identifier: Apache-2.0
#include "cache/store.hpp"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <unistd.h>

#include "support/store_bench.hpp"

using namespace espalier;
using namespace espalier::testing;
using cache::Action;
using cache::Store;

TEST_CASE("what was put is found, whole, by whoever comes later") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3), word("three")});
  CHECK(bench.store.lookup(action.key));
  Store later = bench.fresh();
  const auto outputs = later.lookup(action.key);
  REQUIRE(outputs);
  CHECK(same_outputs(*outputs, action.outputs));
  CHECK(loaded_num(later, (*outputs)[0].content) == 3);
  CHECK(dynamic_cast<const Word&>(*later.load((*outputs)[1].content, "Word")).text == "three");

  const auto record = later.action(action.key);
  REQUIRE(record);
  CHECK(record->ingredients == action.ingredients);
  CHECK(record->provenance.versions == action.provenance.versions);
  CHECK(record->provenance.seconds == 0.1);
  CHECK(record->provenance.plugin_digest == "d");
  CHECK_FALSE(record->retry_on_timeout);
  CHECK_FALSE(later.lookup(digest_of("never")));
  CHECK_FALSE(later.action(digest_of("never")));
}

TEST_CASE("equal content is kept once") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(3)});
  const int before = bench.disk.calls().changes;
  const Action b = put(bench.store, "b", {num(3)});
  CHECK(bench.disk.calls().changes == before + 1);  // the action only
  CHECK(a.outputs[0].content == b.outputs[0].content);
  CHECK(bench.store.verify().objects == 1);
}

TEST_CASE("a store names content by itself") {
  StoreBench bench;
  Action action = action_of(bench.store, "a", {num(3)});
  CHECK(error_of([&] { bench.store.put(action, {}); })->code == Code::internal);
  CHECK(bench.disk.all_files().empty());
  action.outputs[0].content = digest_of("something else");
  CHECK(bench.store.put(action, {num(3)}).outputs[0].content == bench.store.digest_of(*num(3)));
}

TEST_CASE("torn, edited, foreign and misplaced actions count as absent") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const core::Path path = action_path(bench.store, action.key);
  const std::string bytes = *bench.disk.read(path);
  const auto read_as = [&](const std::string& content) {
    bench.disk.plant(path, content);
    return bench.fresh().action(action.key);
  };
  REQUIRE(read_as(bytes));
  for (std::size_t length = 0; length + 2 < bytes.size(); length += 7) CHECK_FALSE(read_as(bytes.substr(0, length)));
  for (const char* foreign : {"{}", "[]", "null", "7", "\"x\"", "{\"check\": 3}", "\x89HDF", "{\"key\": {}"}) {
    CHECK_FALSE(read_as(foreign));
  }
  std::string edited = bytes;
  edited.replace(edited.find("real 2.0"), 8, "real 2.5");
  CHECK_FALSE(read_as(edited));
  for (std::size_t at = 0; at < bytes.size(); at += 5) {  // a flipped bit: absent, or it was in the indentation
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    const auto found = read_as(flipped);
    CHECK((!found || found->ingredients == action.ingredients));
  }
  bench.disk.plant(path, bytes);
  bench.disk.plant(action_path(bench.store, digest_of("b")), bytes);
  CHECK_FALSE(bench.fresh().lookup(digest_of("b")));
  CHECK(bench.fresh().lookup(action.key));
}

TEST_CASE("an action without its objects is no hit, and is one again when they are back") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3), num(4)});
  const core::Path object = bench.store.object_path(action.outputs[1].content);
  const std::string bytes = *bench.disk.read(object);
  bench.disk.remove(object);
  CHECK_FALSE(bench.store.lookup(action.key));
  CHECK_FALSE(bench.fresh().lookup(action.key));
  const auto error = error_of([&] { bench.fresh().load(action.outputs[1].content, "Num"); });
  REQUIRE(error);
  CHECK(error->code == Code::missing);
  CHECK(error->text.find(object.string()) != std::string::npos);
  bench.disk.plant(object, bytes);
  CHECK(bench.store.lookup(action.key));
}

TEST_CASE("whoever holds an artifact shares it") {
  StoreBench bench;
  const Digest content = put(bench.store, "a", {num(3)}).outputs[0].content;
  Store store = bench.fresh();
  ArtifactPtr first = store.load(content, "Num");
  const int reads = bench.disk.calls().reads;
  CHECK(store.load(content, "Num") == first);
  CHECK(bench.disk.calls().reads == reads);
  first.reset();
  CHECK(loaded_num(store, content) == 3);  // nobody held it: read again
  CHECK(bench.disk.calls().reads == reads + 1);

  const ArtifactPtr made = num(5);
  const Action action = put(store, "b", {made});
  CHECK(store.load(action.outputs[0].content, "Num") == made);
}

TEST_CASE("siblings that ask at the same time read once") {
  for (const int threads : {2, 7}) {
    StoreBench bench;
    const Digest content = put(bench.store, "a", {num(3)}).outputs[0].content;
    Store store = bench.fresh();
    const int reads = bench.disk.calls().reads;
    std::vector<ArtifactPtr> got(static_cast<std::size_t>(threads));
    std::vector<std::thread> all;
    for (ArtifactPtr& mine : got) all.emplace_back([&] { mine = store.load(content, "Num"); });
    for (std::thread& thread : all) thread.join();
    CHECK(bench.disk.calls().reads == reads + 1);
    for (const ArtifactPtr& mine : got) CHECK(mine == got[0]);
  }
}

TEST_CASE("the index answers for the actions") {
  StoreBench bench;
  std::vector<Action> actions;
  for (int i = 0; i < 20; ++i) actions.push_back(put(bench.store, std::to_string(i), {num(i), word("w")}));
  bench.store.save_index();
  const int changes = bench.disk.calls().changes;
  bench.store.save_index();  // nothing new
  CHECK(bench.disk.calls().changes == changes);

  Store store = bench.fresh();
  const int reads = bench.disk.calls().reads;
  for (const Action& action : actions) {
    const auto outputs = store.lookup(action.key);
    REQUIRE(outputs);
    CHECK(same_outputs(*outputs, action.outputs));
  }
  CHECK(bench.disk.calls().reads == reads + 1);

  SUBCASE("but objects must be there all the same") {
    bench.disk.remove(store.object_path(actions[3].outputs[0].content));
    CHECK_FALSE(store.lookup(actions[3].key));
    CHECK(store.lookup(actions[4].key));
  }
  SUBCASE("damaged anywhere, it is left aside") {
    const std::string bytes = *bench.disk.read("/s/actions/index");
    for (std::size_t at = 0; at < bytes.size(); at += 97) {
      std::string bad = bytes;
      bad[at] = static_cast<char>(bad[at] ^ 4);
      bench.disk.plant("/s/actions/index", bad);
      CHECK(bench.fresh().lookup(actions[at % 20].key));
      bench.disk.plant("/s/actions/index", bytes.substr(0, at));
      CHECK(bench.fresh().lookup(actions[at % 20].key));
    }
  }
  SUBCASE("it may be deleted") {
    bench.disk.remove("/s/actions/index");
    CHECK(bench.fresh().lookup(actions[7].key));
  }
  SUBCASE("another result under the same key: the newer one holds") {
    Store other = bench.fresh();
    put(other, "3", {num(333)});
    bench.disk.remove(store.object_path(actions[3].outputs[0].content));
    CHECK(store.lookup(actions[3].key)->at(0).content == store.digest_of(*num(333)));
  }
}

TEST_CASE("two processes that write the index keep each other's entries") {
  StoreBench bench;
  Store first = bench.fresh();
  Store second = bench.fresh();
  put(first, "a", {num(1)});
  put(second, "b", {num(2)});
  first.save_index();
  second.save_index();
  Store later = bench.fresh();
  const int reads = bench.disk.calls().reads;
  CHECK(later.lookup(digest_of("a")));
  CHECK(later.lookup(digest_of("b")));
  CHECK(bench.disk.calls().reads == reads + 1);
}

TEST_CASE("an index that cannot be written is no failure") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(1)});
  bench.disk.fail_at(1);
  bench.store.save_index();
  CHECK_FALSE(bench.disk.stat("/s/actions/index"));
  bench.store.save_index();
  CHECK(bench.disk.stat("/s/actions/index"));
}

TEST_CASE("the store is listed with what made each thing") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(3), word("x")});
  put(bench.store, "b", {num(3)});
  const Action c = put(bench.store, "c", {num(9)});
  bench.disk.remove(action_path(bench.store, c.key));
  const auto entries = bench.store.list();
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].made_by.empty());
  CHECK(entries[0].kind == "Num");
  CHECK(entries[0].content == c.outputs[0].content);
  const auto word_entry = std::ranges::find(entries, "Word", &Store::Entry::kind);
  REQUIRE(word_entry != entries.end());
  CHECK(word_entry->made_by == "fake.a");
  CHECK(word_entry->key == a.key);
  CHECK(word_entry->content == a.outputs[1].content);
  CHECK(word_entry->bytes == bench.disk.stat(bench.store.object_path(word_entry->content))->size);
  const auto shared = std::ranges::find(entries, a.outputs[0].content, &Store::Entry::content);
  REQUIRE(shared != entries.end());
  CHECK((shared->made_by == "fake.a" || shared->made_by == "fake.b"));
}

TEST_CASE("garbage is what no live key reaches, and nothing else") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(1), num(2)});
  const Action b = put(bench.store, "b", {num(2), num(3)});
  const Action c = put(bench.store, "c", {num(4)});
  bench.store.save_index();
  bench.disk.plant("/s/objects/readme.txt", "not ours");
  bench.disk.plant("/s/objects/ab/notes", "not ours");

  const auto none = bench.store.garbage({a.key, b.key, c.key});
  CHECK(none.files.empty());
  CHECK(none.bytes == 0);

  const auto garbage = bench.fresh().garbage({a.key, digest_of("unknown")});
  const std::set<core::Path> files(garbage.files.begin(), garbage.files.end());
  CHECK(files == std::set<core::Path>{action_path(bench.store, b.key), action_path(bench.store, c.key),
                                      bench.store.object_path(b.outputs[1].content),
                                      bench.store.object_path(c.outputs[0].content)});
  std::uint64_t bytes = 0;
  for (const core::Path& file : files) bytes += bench.disk.stat(file)->size;
  CHECK(garbage.bytes == bytes);
  CHECK(bench.store.lookup(b.key));  // nothing was removed yet

  Store store = bench.fresh();
  store.remove(garbage);
  for (Store* seen : {&store, &bench.store}) {
    CHECK(seen->lookup(a.key));
    CHECK_FALSE(seen->lookup(b.key));
    CHECK_FALSE(seen->lookup(c.key));
  }
  CHECK(store.verify().problems.empty());
  CHECK(store.garbage({a.key}).files.empty());
  CHECK(bench.disk.stat("/s/objects/ab/notes"));
}

TEST_CASE("what was made since a run began that has not ended is no garbage") {
  StoreBench bench;
  const Action old = put(bench.store, "old", {num(1)});
  bench.disk.tick(5);
  bench.disk.plant("/s/runs/r/run.json", "{}");
  const std::int64_t begun = bench.disk.stat("/s/runs/r/run.json")->mtime_ns;
  bench.disk.tick(5);
  const Action fresh = put(bench.store, "fresh", {num(2)});
  const auto files = bench.store.garbage({}, begun).files;
  CHECK(files ==
        std::vector<core::Path>{action_path(bench.store, old.key), bench.store.object_path(old.outputs[0].content)});
  CHECK(bench.store.garbage({}).files.size() == 4);
}

TEST_CASE("a live key of a store without index or with a damaged action keeps its objects") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(1)});
  CHECK(bench.fresh().garbage({a.key}).files.empty());
  bench.store.save_index();
  bench.disk.plant(action_path(bench.store, a.key), "torn");
  CHECK(bench.fresh().garbage({a.key}).files.empty());
}

TEST_CASE("temporary files of the dead are garbage once they are old, those of the living never") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(1)});
  const core::Path object = bench.store.object_path(a.outputs[0].content);
  const auto temporary = [&](long process) {
    const core::Path path =
        object.parent_path() / ("." + object.filename().string() + "." + std::to_string(process) + "-0.tmp");
    bench.disk.plant(path, "half");
    return path;
  };
  const core::Path dead = temporary(MemoryDisk::kDeadProcess);
  temporary(::getpid());
  CHECK(bench.store.garbage({a.key}).files == std::vector<core::Path>{dead});  // that disk's clock stands at 1970
  CHECK(bench.store.verify().problems.empty());

  const auto now = std::chrono::system_clock::now().time_since_epoch();
  bench.disk.tick(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  temporary(MemoryDisk::kDeadProcess);  // may be one of another host
  CHECK(bench.store.garbage({a.key}).files.empty());
}

TEST_CASE("one store takes from another what it lacks, and nothing damaged") {
  StoreBench there;
  const Action a = put(there.store, "a", {num(1), word("one")});
  const Action b = put(there.store, "b", {num(1)});
  const Action broken = put(there.store, "broken", {num(2)});
  there.disk.plant(there.store.object_path(broken.outputs[0].content), "damage");
  CHECK(there.store.keys() == std::set<Digest>{a.key, b.key, broken.key});

  StoreBench here;
  put(here.store, "b", {num(1)});
  const auto copied = here.store.take_from(there.store, there.store.keys());
  CHECK(copied.results == 1);
  CHECK(copied.known == 1);
  CHECK(copied.objects == 1);  // num(1) was here
  REQUIRE(copied.problems.size() == 1);
  CHECK(copied.problems[0].text.find(there.store.object_path(broken.outputs[0].content).string()) != std::string::npos);
  CHECK(here.fresh().lookup(a.key));
  CHECK_FALSE(here.fresh().lookup(broken.key));
  CHECK(here.store.action(a.key)->provenance.host == "h");
  CHECK(here.store.verify().problems.empty());
  CHECK(here.store.take_from(there.store, {a.key, b.key}).known == 2);
  CHECK(here.store.take_from(there.store, {digest_of("never")}).problems.size() == 1);
}

TEST_CASE("objects that were moved aside are garbage") {
  StoreBench bench;
  const Action a = put(bench.store, "a", {num(1)});
  const core::Path object = bench.store.object_path(a.outputs[0].content);
  bench.disk.plant(object, "damaged");
  bench.store.discard(a.outputs[0].content);
  CHECK(bench.store.garbage({a.key}).files == std::vector<core::Path>{"/s/objects/damaged" / object.filename()});
}
