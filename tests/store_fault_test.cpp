// SPDX-License-Identifier: Apache-2.0
// What a store makes of damage, full disks, kills and company.
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/store_bench.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using namespace espalier::testing;
using cache::Action;
using cache::Store;

TEST_CASE("a damaged object is told by name, moved aside, and made again") {
  StoreBench bench;
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
  StoreBench bench;
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
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.store.save_index();
  bench.disk.make_unreadable("/s/actions/index");
  CHECK(bench.fresh().lookup(action.key));
  bench.disk.make_unreadable(action_path(bench.store, action.key));
  CHECK_FALSE(bench.fresh().lookup(action.key));
  CHECK(bench.fresh().verify().problems.size() == 1);
}

TEST_CASE("a discarded object is distrusted even where it cannot be moved") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.disk.set_read_only(true);
  Store store = bench.fresh();
  CHECK(error_of([&] { store.discard(action.outputs[0].content); })->code == Code::io);
  CHECK_FALSE(store.lookup(action.key));
}

TEST_CASE("an object of another kind or format is not decoded") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Digest content = action.outputs[0].content;
  CHECK(error_of([&] { bench.fresh().load(content, "Word"); })->code == Code::damaged);

  plugin::Registry newer;
  PluginSpec spec = fake_plugin();
  spec.kinds[0].format = 2;
  REQUIRE(spec.kinds[0].name == "Num");
  REQUIRE(newer.add(std::move(spec), {}).empty());
  const auto error = error_of([&] { Store(bench.disk, "/s", newer).load(content, "Num"); });
  REQUIRE(error);
  CHECK(error->code == Code::damaged);
  CHECK(error->text.find("format 1") != std::string::npos);
}

TEST_CASE("a read-only store can be read, and says once and clearly that nothing can be kept") {
  StoreBench bench;
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
  StoreBench bench;
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
      StoreBench bench;
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

TEST_CASE("threads may put the same and different results at once") {
  for (const int threads : {1, 2, 7}) {
    TempDir folder;
    core::RealDisk disk;
    const plugin::Registry registry = fake_registry();
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
  const plugin::Registry registry = fake_registry();
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
  const plugin::Registry registry = fake_registry();
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

TEST_CASE("a result that is put again replaces a damaged object of the same name and size") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Digest content = action.outputs[0].content;
  const std::string good = *bench.disk.read(bench.store.object_path(content));
  bench.disk.rot(bench.store.object_path(content));
  Store store = bench.fresh();
  put(store, "a", {num(3)});
  CHECK(bench.disk.read(bench.store.object_path(content)) == good);
  CHECK(store.verify().problems.empty());
}

TEST_CASE("a lookup reads an object whose file changed, and says so when it is damaged") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  const Digest content = action.outputs[0].content;
  const core::Path object = bench.store.object_path(content);
  bench.store.save_index();
  bench.disk.tick(1);

  SUBCASE("touched only: it is read once and then trusted") {
    bench.disk.plant(object, *bench.disk.read(object));
    Store store = bench.fresh();
    CHECK(store.lookup(action.key));
    CHECK(store.take_found_damaged().empty());
    store.save_index();
    Store later = bench.fresh();
    const int reads = bench.disk.calls().reads;
    CHECK(later.lookup(action.key));
    CHECK(bench.disk.calls().reads == reads + 1);  // the index
  }
  SUBCASE("damaged: it is as good as gone") {
    bench.disk.plant(object, "damaged");
    Store store = bench.fresh();
    CHECK_FALSE(store.lookup(action.key));
    const auto told = store.take_found_damaged();
    REQUIRE(told.size() == 1);
    CHECK(told[0].file == object);
    CHECK(told[0].text.find(object.string()) != std::string::npos);
    CHECK(store.take_found_damaged().empty());
    CHECK(bench.disk.read("/s/objects/damaged" / object.filename()) == "damaged");
    put(store, "a", {num(3)});
    CHECK(store.lookup(action.key));
    CHECK(store.verify().problems.empty());
  }
  SUBCASE("damaged where nothing can be moved: told, and no hit") {
    bench.disk.plant(object, "damaged");
    bench.disk.set_read_only(true);
    Store store = bench.fresh();
    CHECK_FALSE(store.lookup(action.key));
    CHECK(store.take_found_damaged().size() == 1);
  }
}

TEST_CASE("what verify finds damaged is made again by the next run") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.store.save_index();
  bench.disk.rot(bench.store.object_path(action.outputs[0].content));
  Store store = bench.fresh();
  CHECK(store.verify().problems.size() == 1);
  CHECK_FALSE(bench.fresh().lookup(action.key));
}

TEST_CASE("a record that verify finds damaged or gone is written again by the next run, whatever the index says") {
  for (const bool gone : {false, true}) {
    CAPTURE(gone);
    StoreBench bench;
    const Action action = put(bench.store, "a", {num(3)});
    const Action other = put(bench.store, "b", {num(4)});
    bench.store.save_index();
    const core::Path record = action_path(bench.store, action.key);
    gone ? static_cast<void>(bench.disk.remove(record)) : bench.disk.plant(record, "garbage{");
    const auto problems = bench.fresh().verify().problems;
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].file == record);
    Store next = bench.fresh();
    CHECK_FALSE(next.lookup(action.key));
    CHECK(next.lookup(other.key));
    put(next, "a", {num(3)});
    CHECK(next.lookup(action.key));
    next.save_index();
    CHECK(bench.fresh().verify().problems.empty());
    CHECK(bench.fresh().lookup(action.key));
  }
}

TEST_CASE("what garbage collection took leaves no problem behind in the index of another process") {
  StoreBench bench;
  const Action action = put(bench.store, "a", {num(3)});
  bench.store.save_index();
  const std::string index = *bench.disk.read("/s/actions/index");
  bench.store.remove(bench.store.garbage({}));
  bench.disk.plant("/s/actions/index", index);
  CHECK(bench.fresh().verify().problems.empty());
  CHECK_FALSE(bench.fresh().lookup(action.key));
}

TEST_CASE("a result whose record is damaged is not copied, and is made again where it was") {
  StoreBench there;
  const Action action = put(there.store, "a", {num(3)});
  there.store.save_index();
  there.disk.plant(action_path(there.store, action.key), "garbage{");
  StoreBench here;
  Store from = there.fresh();
  CHECK(here.store.take_from(from, {action.key}).problems.size() == 1);
  CHECK_FALSE(there.fresh().lookup(action.key));
}
