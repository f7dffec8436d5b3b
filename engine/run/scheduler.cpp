// SPDX-License-Identifier: Apache-2.0
// The only file that knows TBB: counts predecessors, matches ready nodes with tokens, runs bodies.
//
//        per node that is not a hit              per lane
//   done[p] --> start[i] -- must run --> ready (by priority) --.
//                  |                                           reserving join --> body --> done[i], token back
//                  '- settled --> settle --> done[i]  tokens --'
#include "run/scheduler.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "run/estimate.hpp"
#include "run/handover.hpp"
#include "run/ledger.hpp"
#include "run/observers.hpp"
#include "run/verdict_check.hpp"

namespace espalier::run {
namespace {

namespace flow = tbb::flow;

struct Job {
  int node = 0;
  double priority = 0;
};
struct LessUrgent {
  bool operator()(const Job& a, const Job& b) const {
    return a.priority != b.priority ? a.priority < b.priority : a.node > b.node;
  }
};
using JobAndToken = std::tuple<Job, int>;

/// `start` is lightweight: it runs on the thread that settled the last predecessor, before that thread gives its token
/// back. So when a token is free, all jobs it could go to are in the queue, and the most urgent gets it.
struct NodeFlow {
  template <class Start>
  NodeFlow(flow::graph& graph, Start on_ready) : start(graph, on_ready), done(graph) {}
  flow::continue_node<flow::continue_msg, flow::lightweight> start;
  flow::broadcast_node<flow::continue_msg> done;
};

struct LaneFlow {
  template <class Body>
  LaneFlow(flow::graph& graph, Body run)
      : ready(graph), tokens(graph), match(graph), body(graph, flow::unlimited, run) {
    flow::make_edge(ready, flow::input_port<0>(match));
    flow::make_edge(tokens, flow::input_port<1>(match));
    flow::make_edge(match, body);
  }
  flow::priority_queue_node<Job, LessUrgent> ready;
  flow::queue_node<int> tokens;
  flow::join_node<JobAndToken, flow::reserving> match;
  flow::function_node<JobAndToken> body;
};

/// The graph of one run. Built, run and destroyed inside the arena.
class Flow {
 public:
  Flow(const RunSetup& setup, const Board& board, Ledger& ledger, NodeRunner& runner, std::vector<double> priority)
      : setup_(setup),
        ledger_(ledger),
        runner_(runner),
        priority_(std::move(priority)),
        settle_(graph_, flow::unlimited,
                [this](int node) noexcept {
                  const Handed task(built_, done_);
                  settled(node);
                }),
        nodes_(setup.plan.nodes().size()) {
    add_lanes();
    add_nodes(board);
  }

  void run() {
    built_.give();
    for (const int root : roots_) nodes_[static_cast<std::size_t>(root)]->start.try_put({});
    for (auto& [name, lane] : lanes_) {
      for (int token = 0; token < setup_.lanes.by_name.at(name).tokens; ++token) lane.tokens.try_put(token);
    }
    graph_.wait_for_all();
    done_.take();
  }

 private:
  void add_lanes() {
    for (const auto& [name, lane] : setup_.lanes.by_name) {
      lanes_.try_emplace(name, graph_, [this, &lane = lane](const JobAndToken& matched) noexcept {
        run_job(std::get<0>(matched).node, lane, std::get<1>(matched));
      });
    }
  }

  void add_nodes(const Board& board) {
    for (int node = 0; node < static_cast<int>(nodes_.size()); ++node) {
      if (board.was_hit(node)) continue;
      auto& added = nodes_[static_cast<std::size_t>(node)];
      added = std::make_unique<NodeFlow>(graph_, [this, node](const flow::continue_msg&) noexcept { start(node); });
      bool is_root = true;
      for (const int p : setup_.plan.predecessors(node)) {
        if (board.was_hit(p)) continue;
        flow::make_edge(nodes_[static_cast<std::size_t>(p)]->done, added->start);
        is_root = false;
      }
      if (is_root) roots_.push_back(node);
    }
  }

  void start(int node) {
    const Ledger::Ready ready = ledger_.becomes_ready(node);
    if (ready.must_run) {
      const Lane& lane = setup_.lanes.of(setup_.node(node));
      lanes_.at(lane.name).ready.try_put({node, priority_[static_cast<std::size_t>(node)]});
    }
    // As tasks: a chain of hits must not become a chain of calls.
    for (const int done : ready.settled) settle_.try_put(done);
  }

  void run_job(int node, const Lane& lane, int token) {
    const Handed task(built_, done_);
    NodeRunner::Result result{.outcome = Stopped{}};
    if (ledger_.begin(node)) {
      // A stage that waits in TBB must not pick up another node's body: that would run in this stage's thread-locals.
      tbb::this_task_arena::isolate([&] { result = runner_.run(node, seat_of(lane, token)); });
    }
    for (const int done : ledger_.finish(node, std::move(result))) settled(done);
    lanes_.at(lane.name).tokens.try_put(token);
  }

  void settled(int node) {
    runner_.release_inputs_of(node);
    nodes_[static_cast<std::size_t>(node)]->done.try_put({});
  }

  const RunSetup& setup_;
  Ledger& ledger_;
  NodeRunner& runner_;
  std::vector<double> priority_;
  std::vector<int> roots_;
  Handover built_;
  Handover done_;
  flow::graph graph_;
  flow::function_node<int> settle_;
  std::map<std::string, LaneFlow> lanes_;
  std::vector<std::unique_ptr<NodeFlow>> nodes_;
};

/// One thread a token and one that waits: a body that blocks (on a device, a child process, a lock) holds its token's
/// thread and no other, so no lane can starve another and no async nodes are needed.
int threads_for(const Lanes& lanes) {
  int threads = 1;
  for (const auto& [name, lane] : lanes.by_name) threads += lane.tokens;
  return threads;
}

void run_flow(const RunSetup& setup, const Board& board, Ledger& ledger, std::vector<double> priority,
              NodeRunner& runner) {
  const int threads = threads_for(setup.lanes);
  const tbb::global_control allow(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] { Flow(setup, board, ledger, runner, std::move(priority)).run(); });
}

RunStart start_of(const pipeline::Plan& plan, const std::vector<Known>& state, Estimate& expected) {
  RunStart start{.plan = &plan, .expected_seconds = expected.total, .node_seconds = std::move(expected.seconds)};
  for (const Known known : state) {
    ++(known == Known::hit ? start.hits : start.to_run);
    start.pending += known == Known::pending ? 1 : 0;
  }
  return start;
}

}  // namespace

RunReport execute(const pipeline::Plan& plan, const plugin::Registry& registry, cache::Store& store,
                  const cache::Surroundings& surroundings, const Lanes& lanes, const RunOptions& options,
                  Resolution resolution, Observer& observer, std::stop_token stop) {
  SerialObserver serial(observer);
  const RunSetup setup{plan, registry, store, surroundings, lanes, options, serial, std::move(stop)};
  Estimate expected = estimate(plan, resolution.state, lanes, options.expected_seconds);
  const RunStart start = start_of(plan, resolution.state, expected);
  Board board(setup, std::move(resolution));
  Ledger ledger(setup, board);
  serial.started(start);
  if (start.to_run > 0) {
    NodeRunner runner(setup, board);
    serial.start_ticking(setup.stop);
    run_flow(setup, board, ledger, std::move(expected.priority), runner);
    serial.stop_ticking();
  }
  RunReport report = ledger.report();
  report.verdict_errors.merge(verdict_errors_of_hits(setup, report));
  store.save_index();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - options.begun).count();
  serial.finished(report);
  return report;
}

}  // namespace espalier::run
