// SPDX-License-Identifier: Apache-2.0
#include "cache/store.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <espalier/error.hpp>

#include "support/fake_stages.hpp"
#include "support/memory_disk.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using cache::Action;
using cache::Store;
using testing::Killed;
using testing::MemoryDisk;
using testing::Num;
using testing::TempDir;
using testing::Word;

namespace {

ArtifactPtr num(double value) {
  return std::make_shared<const Num>(Num::with(value));
}
ArtifactPtr word(const std::string& text) {
  return std::make_shared<const Word>(Word::with(text));
}

/// The record of a node called by its key's text, with these outputs.
Action action_of(const Store& store, const std::string& node, const std::vector<ArtifactPtr>& artifacts) {
  Action action;
  action.key = digest_of(node);
  action.ingredients = {.stage = "fake." + node,
                        .params = {{"by", "real 2.0"}},
                        .inputs = {{"in", {{"set=a", digest_of("in").hex()}}}},
                        .files = {{"data", digest_of("file").hex()}},
                        .machine = {{"threads", "1"}},
                        .binary = "b"};
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    action.outputs.push_back({.port = "out" + std::to_string(i),
                              .kind = std::string(artifacts[i]->kind()),
                              .content = store.digest_of(*artifacts[i])});
  }
  action.provenance = {.host = "h",
                       .cpu = "c",
                       .finished = "2026-03-01T14:22:33Z",
                       .seconds = 0.1,
                       .cpu_seconds = 0.25,
                       .engine = "espalier 0.1.0",
                       .plugin = "fake 1",
                       .plugin_digest = "d",
                       .versions = {{"torch", "1.13.0"}}};
  return action;
}

Action put(Store& store, const std::string& node, const std::vector<ArtifactPtr>& artifacts) {
  Action action = action_of(store, node, artifacts);
  store.put(action, artifacts);
  return action;
}

double loaded_num(Store& store, const Digest& content) {
  return dynamic_cast<const Num&>(*store.load(content, "Num")).value;
}

core::Path action_path(const Store& store, const Digest& key) {
  return store.root() / "actions" / key.hex().substr(0, 2) / (key.hex() + ".json");
}

bool same_outputs(const std::vector<cache::OutputRef>& a, const std::vector<cache::OutputRef>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.port == y.port && x.kind == y.kind && x.content == y.content;
  });
}

/// The error of an action, with its text and hint in one.
struct Caught {
  Code code;
  std::string text;
};
std::optional<Caught> error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return Caught{error.code(), std::string(error.what()) + " | " + error.hint()};
  }
  return std::nullopt;
}

struct Bench {
  MemoryDisk disk;
  plugin::Registry registry = testing::fake_registry();
  Store store{disk, "/s", registry};

  /// As another process sees the same disk.
  Store fresh() { return Store(disk, "/s", registry); }
};

}  // namespace

TEST_CASE("what was put is found, whole, by whoever comes later") {
  Bench bench;
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
  Bench bench;
  const Action a = put(bench.store, "a", {num(3)});
  const int before = bench.disk.calls().changes;
  const Action b = put(bench.store, "b", {num(3)});
  CHECK(bench.disk.calls().changes == before + 1);  // the action only
  CHECK(a.outputs[0].content == b.outputs[0].content);
  CHECK(bench.store.verify().objects == 1);
}

TEST_CASE("a store names content by itself and refuses what was announced wrongly") {
  Bench bench;
  Action action = action_of(bench.store, "a", {num(3)});
  action.outputs[0].content = digest_of("something else");
  CHECK(error_of([&] { bench.store.put(action, {num(3)}); })->code == Code::internal);
  CHECK(error_of([&] { bench.store.put(action, {}); })->code == Code::internal);
  CHECK(bench.disk.all_files().empty());
}

TEST_CASE("torn, edited, foreign and misplaced actions count as absent") {
  Bench bench;
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
  Bench bench;
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

TEST_CASE("a damaged object is told by name, moved aside, and made again") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Action sharing = put(bench.store, "b", {num(3)});
  const Action other = put(bench.store, "c", {num(4)});
  const Digest content = action.outputs[0].content;
  const core::Path object = bench.store.object_path(content);
  const std::string good = *bench.disk.read(object);

  std::string bad = good;
  SUBCASE("cut short") {
    bad.resize(good.size() / 2);
  }
  SUBCASE("empty") {
    bad.clear();
  }
  SUBCASE("a bit in the middle") {
    bad[good.size() / 2] = static_cast<char>(bad[good.size() / 2] ^ 1);
  }
  SUBCASE("another object's bytes") {
    bad = *bench.disk.read(bench.store.object_path(other.outputs[0].content));
  }
  SUBCASE("not HDF5 at all") {
    bad = std::string(good.size(), 'x');
  }
  bench.disk.plant(object, bad);

  Store store = bench.fresh();
  const auto error = error_of([&] { store.load(content, "Num"); });
  REQUIRE(error);
  CHECK(error->code == Code::damaged);
  CHECK(error->text.find(object.string()) != std::string::npos);
  CHECK(store.verify().problems.size() == 1);

  store.discard(content);
  CHECK_FALSE(bench.disk.stat(object));
  CHECK(bench.disk.read("/s/objects/damaged" / object.filename()) == bad);
  CHECK_FALSE(store.lookup(action.key));
  CHECK_FALSE(store.lookup(sharing.key));
  CHECK(store.lookup(other.key));

  store.put(action, {num(3)});
  CHECK(store.lookup(sharing.key));
  CHECK(bench.disk.read(object) == good);
  CHECK(loaded_num(store, content) == 3);
  CHECK(store.verify().problems.empty());
}

TEST_CASE("an object that cannot be read is as good as damaged") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Digest content = action.outputs[0].content;
  bench.disk.make_unreadable(bench.store.object_path(content));
  Store store = bench.fresh();
  const auto error = error_of([&] { store.load(content, "Num"); });
  REQUIRE(error);
  CHECK(error->code == Code::damaged);
  CHECK(error->text.find("Input/output error") != std::string::npos);
  CHECK(store.verify().problems.size() == 1);
  store.discard(content);
  CHECK_FALSE(store.lookup(action.key));
  store.put(action, {num(3)});
  CHECK(loaded_num(store, content) == 3);
}

TEST_CASE("an action or index that cannot be read costs a run, not a crash") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.store.save_index();
  bench.disk.make_unreadable("/s/actions/index");
  CHECK(bench.fresh().lookup(action.key));
  bench.disk.make_unreadable(action_path(bench.store, action.key));
  CHECK_FALSE(bench.fresh().lookup(action.key));
  CHECK(bench.fresh().verify().problems.size() == 1);
}

TEST_CASE("a discarded object is distrusted even where it cannot be moved") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.disk.set_read_only(true);
  Store store = bench.fresh();
  CHECK(error_of([&] { store.discard(action.outputs[0].content); })->code == Code::io);
  CHECK_FALSE(store.lookup(action.key));
}

TEST_CASE("an object of another kind or format is not decoded") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Digest content = action.outputs[0].content;
  CHECK(error_of([&] { bench.fresh().load(content, "Word"); })->code == Code::damaged);

  plugin::Registry newer;
  PluginSpec spec = testing::fake_plugin();
  spec.kinds[0].format = 2;
  REQUIRE(spec.kinds[0].name == "Num");
  REQUIRE(newer.add(std::move(spec), {}).empty());
  const auto error = error_of([&] { Store(bench.disk, "/s", newer).load(content, "Num"); });
  REQUIRE(error);
  CHECK(error->code == Code::damaged);
  CHECK(error->text.find("format 1") != std::string::npos);
}

TEST_CASE("whoever holds an artifact shares it") {
  Bench bench;
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
    Bench bench;
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

TEST_CASE("a read-only store can be read, and says once and clearly that nothing can be kept") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.disk.set_read_only(true);
  Store store = bench.fresh();
  CHECK(store.lookup(action.key));
  CHECK(loaded_num(store, action.outputs[0].content) == 3);
  const auto error = error_of([&] { put(store, "b", {num(4)}); });
  REQUIRE(error);
  CHECK(error->code == Code::io);
  for (const char* part : {"fake.b", "'/s'", "Read-only file system"})
    CHECK(error->text.find(part) != std::string::npos);
  CHECK_FALSE(store.lookup(digest_of("b")));
  store.save_index();
}

TEST_CASE("a full disk keeps what was there and nothing half") {
  Bench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.disk.limit_bytes(0);
  const auto error = error_of([&] { put(bench.store, "b", {num(4)}); });
  REQUIRE(error);
  CHECK(error->code == Code::io);
  CHECK(error->text.find("No space left") != std::string::npos);
  CHECK_FALSE(bench.store.lookup(digest_of("b")));
  CHECK(bench.store.lookup(action.key));
  CHECK(bench.store.verify().problems.empty());
  bench.disk.limit_bytes(std::nullopt);
  put(bench.store, "b", {num(4)});
  CHECK(bench.store.lookup(digest_of("b")));
}

TEST_CASE("wherever a put is struck, a lookup afterwards finds all of it or nothing") {
  enum class Fault { error, kill, power };
  for (const Fault fault : {Fault::error, Fault::kill, Fault::power}) {
    bool went_through = false;
    for (int n = 1; !went_through; ++n) {
      REQUIRE(n < 10);
      Bench bench;
      const Action before = put(bench.store, "before", {num(1)});
      fault == Fault::error ? bench.disk.fail_at(n) : bench.disk.kill_at(n);
      try {
        put(bench.store, "a", {num(1), num(2), word("x")});
        went_through = true;
      } catch (const Error& error) {
        CHECK(error.code() == Code::io);
        CHECK_FALSE(bench.store.lookup(digest_of("a")));
      } catch (const Killed&) {
      }
      bench.disk.restart();
      if (fault == Fault::power) bench.disk.lose_unsynced();
      Store store = bench.fresh();
      CHECK(store.lookup(digest_of("a")).has_value() == went_through);
      CHECK(store.lookup(before.key));
      CHECK(store.verify().problems.empty());
      put(store, "a", {num(1), num(2), word("x")});
      const auto outputs = store.lookup(digest_of("a"));
      REQUIRE(outputs);
      CHECK(loaded_num(store, (*outputs)[1].content) == 2);
    }
  }
}

TEST_CASE("the index answers for the actions") {
  Bench bench;
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
  Bench bench;
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
  Bench bench;
  const Action action = put(bench.store, "a", {num(1)});
  bench.disk.fail_at(1);
  bench.store.save_index();
  CHECK_FALSE(bench.disk.stat("/s/actions/index"));
  bench.store.save_index();
  CHECK(bench.disk.stat("/s/actions/index"));
}

TEST_CASE("the store is listed with what made each thing") {
  Bench bench;
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
  Bench bench;
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

TEST_CASE("a live key of a store without index or with a damaged action keeps its objects") {
  Bench bench;
  const Action a = put(bench.store, "a", {num(1)});
  CHECK(bench.fresh().garbage({a.key}).files.empty());
  bench.store.save_index();
  bench.disk.plant(action_path(bench.store, a.key), "torn");
  CHECK(bench.fresh().garbage({a.key}).files.empty());
}

TEST_CASE("temporary files of the dead are garbage once they are old, those of the living never") {
  Bench bench;
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

TEST_CASE("objects that were moved aside are garbage") {
  Bench bench;
  const Action a = put(bench.store, "a", {num(1)});
  const core::Path object = bench.store.object_path(a.outputs[0].content);
  bench.disk.plant(object, "damaged");
  bench.store.discard(a.outputs[0].content);
  CHECK(bench.store.garbage({a.key}).files == std::vector<core::Path>{"/s/objects/damaged" / object.filename()});
}

TEST_CASE("threads may put the same and different results at once") {
  for (const int threads : {1, 2, 7}) {
    TempDir folder;
    core::RealDisk disk;
    const plugin::Registry registry = testing::fake_registry();
    Store store(disk, folder.path(), registry);
    std::vector<std::thread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&store, t] {
        for (int i = 0; i < 5; ++i) {
          put(store, "shared" + std::to_string(i), {num(i), word("w")});
          put(store, "own" + std::to_string(t) + "-" + std::to_string(i), {num(i + 100 * t)});
          store.lookup(digest_of("shared" + std::to_string(4 - i)));
          if (i == 2) store.save_index();
        }
      });
    }
    for (std::thread& thread : all) thread.join();
    store.save_index();
    Store later(disk, folder.path(), registry);
    const auto summary = later.verify();
    CHECK(summary.problems.empty());
    CHECK(summary.actions == 5 + 5 * threads);
    for (int i = 0; i < 5; ++i) {
      const auto outputs = later.lookup(digest_of("shared" + std::to_string(i)));
      REQUIRE(outputs);
      CHECK(loaded_num(later, (*outputs)[0].content) == i);
    }
  }
}

namespace {

/// Runs `body` in a process of its own, which never returns into the tests.
pid_t in_child(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  int status = 0;
  try {
    body();
  } catch (...) {
    status = 1;  // whatever it was: the parent reports it
  }
  ::_exit(status);
}

int status_of(pid_t child) {
  int status = -1;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("processes may put the same and different results at once") {
  TempDir folder;
  const plugin::Registry registry = testing::fake_registry();
  std::vector<pid_t> children;
  for (int p = 0; p < 3; ++p) {
    children.push_back(in_child([&, p] {
      core::RealDisk disk;
      Store store(disk, folder.path(), registry);
      for (int i = 0; i < 5; ++i) {
        put(store, "shared" + std::to_string(i), {num(i)});
        put(store, "own" + std::to_string(p) + "-" + std::to_string(i), {num(i + 100 * p)});
      }
      store.save_index();
    }));
  }
  for (const pid_t child : children) CHECK(status_of(child) == 0);
  core::RealDisk disk;
  Store store(disk, folder.path(), registry);
  const auto summary = store.verify();
  CHECK(summary.problems.empty());
  CHECK(summary.actions == 20);
  CHECK(summary.objects == 15);
  for (int i = 0; i < 5; ++i) CHECK(store.lookup(digest_of("shared" + std::to_string(i))));
}

TEST_CASE("a process killed at any moment loses nothing that was put and leaves nothing half") {
  TempDir folder;
  const plugin::Registry registry = testing::fake_registry();
  int finished = 0;  // puts that were reported as done
  for (int round = 0; round < 12; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = in_child([&] {
      core::RealDisk disk;
      Store store(disk, folder.path(), registry);
      for (int i = finished;; ++i) {
        put(store, std::to_string(i), {num(i), word(std::string(static_cast<std::size_t>(i % 7) * 10000, 'x'))});
        if (::write(pipe[1], "x", 1) != 1) return;
      }
    });
    ::close(pipe[1]);
    char done = 0;
    if (round > 0) REQUIRE(::read(pipe[0], &done, 1) == 1);  // round 0 may be struck before its first put
    finished += round > 0;
    std::this_thread::sleep_for(std::chrono::microseconds(700 * round));
    ::kill(child, SIGKILL);
    CHECK(WIFSIGNALED(status_of(child)));
    while (::read(pipe[0], &done, 1) == 1) ++finished;
    ::close(pipe[0]);
  }
  core::RealDisk disk;
  Store store(disk, folder.path(), registry);
  CHECK(store.verify().problems.empty());
  std::set<Digest> live;
  for (int i = 0; i < finished; ++i) {
    const auto outputs = store.lookup(digest_of(std::to_string(i)));
    REQUIRE(outputs);
    CHECK(loaded_num(store, (*outputs)[0].content) == i);
    live.insert(digest_of(std::to_string(i)));
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.path().extension() != ".tmp") continue;  // as if the kill had been long ago
    std::filesystem::last_write_time(entry.path(),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  }
  store.remove(store.garbage(live));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    CHECK(entry.path().extension() != ".tmp");
  }
  CHECK(store.verify().problems.empty());
  CHECK(store.verify().actions == finished);
}
