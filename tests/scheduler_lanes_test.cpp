// SPDX-License-Identifier: Apache-2.0
// What runs at once: tokens, lanes and devices, and bodies that keep to themselves.
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/parallel_for.h>

#include "support/gate.hpp"
#include "support/lab.hpp"
#include "support/run_bench.hpp"

namespace espalier::run {
namespace {

using testing::Body;
using testing::Gate;
using testing::id_of;
using testing::lab_plugin;
using testing::Num;
using testing::RunBench;

TEST_CASE("as many bodies run at once as there are tokens, each lane for itself, and blocked ones starve nobody") {
  for (const int tokens : {1, 2, 4}) {
    CAPTURE(tokens);
    std::string text;
    for (int i = 0; i < tokens; ++i) text += fmt::format("[lab.work.w{0}]\nid = {0}\n[lab.other.o{0}]\nid = {0}\n", i);
    RunBench bench(text);
    bench.tokens(tokens);
    bench.lanes.by_name["gpu"] = {.name = "gpu", .tokens = tokens, .devices = {"cuda:0"}};
    std::atomic<int> inside = 0;
    std::atomic<bool> in_time = true;
    Gate all_inside;
    // Nobody leaves before everybody is in: a lane that lacked a thread would make this wait in vain.
    const Body meet = [&](const ParamValues& params, Context& ctx) {
      if (++inside == 2 * tokens) all_inside.open();
      if (!all_inside.wait()) in_time = false;
      ctx.out("out", Num::with(static_cast<double>(id_of(params))));
    };
    bench.add(lab_plugin(), {{"work", meet}, {"other", meet}});
    bench.run();
    CHECK(in_time);
    CHECK(bench.report.ran == 2 * tokens);
  }
}

#ifndef __SANITIZE_THREAD__  // which does not see how TBB hands the parts of a loop to threads
/// Four threads: the one of `outer`, two that hold on to parts of its loop, and one that makes two nodes ready at once.
/// So the first thread, waiting for its loop, is the only one free to run the second of these.
struct NestedLoop {
  Gate all_inside;  ///< every part of the loop has a thread
  Gate release;     ///< the parts may end
  std::atomic<int> parts = 0;
  std::atomic<int> begun = 0;
  std::atomic<bool> in_time = true;
  std::atomic<std::thread::id> thread_of_outer;
  std::atomic<bool> intruded = false;

  void outer() {
    thread_of_outer = std::this_thread::get_id();
    tbb::parallel_for(
        tbb::blocked_range<int>(0, 3, 1),
        [this](const tbb::blocked_range<int>&) {
          if (++parts == 3) all_inside.open();
          const bool is_first = std::this_thread::get_id() == thread_of_outer;
          if (!all_inside.wait() || (!is_first && !release.wait())) in_time = false;
        },
        tbb::simple_partitioner());
    thread_of_outer = std::thread::id();
  }

  /// Whichever of the two comes first gives the other time to begin where it must not.
  void one_of_two() {
    if (std::this_thread::get_id() == thread_of_outer) intruded = true;
    if (++begun == 2) release.open();
    for (int i = 0; i < 300 && begun < 2; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    release.open();
  }
};

TEST_CASE("a body that waits for a loop of its own picks up no other node's body meanwhile") {
  RunBench bench(R"(
[lab.work.outer]
id = 1
[lab.work.maker]
id = 2
[lab.work.one]
id = 3
in = ["maker"]
[lab.other.two]
id = 4
in = ["maker"]
)");
  bench.tokens(2);
  bench.lanes.by_name["gpu"] = {.name = "gpu", .tokens = 1, .devices = {"cuda:0"}};
  NestedLoop loop;
  const Body body = [&](const ParamValues& params, Context& ctx) {
    const auto id = id_of(params);
    if (id == 1) loop.outer();
    if (id == 2 && !loop.all_inside.wait()) loop.in_time = false;
    if (id > 2) loop.one_of_two();
    ctx.out("out", Num::with(static_cast<double>(id)));
  };
  bench.add(lab_plugin(), {{"work", body}, {"other", body}});
  bench.run();
  CHECK(loop.in_time);
  CHECK_FALSE(loop.intruded);
  CHECK(bench.report.ran == 4);
}
#endif

TEST_CASE("a token's threads and device reach the stage") {
  RunBench bench("[lab.other.x]\n");
  bench.lanes.by_name["gpu"] = {.name = "gpu", .tokens = 1, .threads = 3, .devices = {"cuda:0"}};
  std::string seen;
  bench.add(lab_plugin(), {{"other", [&](const ParamValues&, Context& ctx) {
                              seen = fmt::format("{} {}", ctx.device(), ctx.threads());
                              ctx.out("out", Num::with(0));
                            }}});
  bench.run();
  CHECK(seen == "cuda:0 3");
}

TEST_CASE("nodes that run at once on two GPUs have one each") {
  RunBench bench("[lab.other.a]\nid = 1\n[lab.other.b]\nid = 2\n");
  bench.lanes = lanes_for(4, 0, usable_gpus({}, std::nullopt, "2", false));
  std::mutex mutex;
  std::set<std::string> devices;
  Gate both_inside;
  bench.add(lab_plugin(), {{"other", [&](const ParamValues& params, Context& ctx) {
                              {
                                const std::lock_guard lock(mutex);
                                devices.insert(std::string(ctx.device()));
                                if (devices.size() == 2) both_inside.open();
                              }
                              CHECK(both_inside.wait());
                              ctx.out("out", Num::with(static_cast<double>(id_of(params))));
                            }}});
  bench.run();
  CHECK(devices == std::set<std::string>{"cuda:0", "cuda:1"});
}

}  // namespace
}  // namespace espalier::run
