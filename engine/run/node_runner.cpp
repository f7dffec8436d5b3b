// SPDX-License-Identifier: Apache-2.0
#include "run/node_runner.hpp"

#include <chrono>
#include <ctime>
#include <utility>

#include <fmt/format.h>

#include "core/machine.hpp"
#include "run/failure.hpp"
#include "run/verdict_check.hpp"

namespace espalier::run {
namespace {

/// Processor time of this thread: what the stage's own threads use is not in it.
double thread_cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

NodeRunner::NodeRunner(const RunSetup& setup, Board& board)
    : setup_(setup),
      board_(board),
      pool_(setup, board, [this](int node) { return make_again(node); }),
      host_(core::host_name()),
      cpu_(core::cpu_model()) {}

NodeRunner::Result NodeRunner::run(int node, const Seat& seat) {
  NodeLog log(setup_, node);
  Result result;
  try {
    Made made = make(node, seat, log);
    result.contents = record(node, seat, made);
    result.outcome = Ran{board_.keyed(node)->key, made.seconds, made.cpu_seconds};
    result.verdict_errors = report_verdict_errors(node, made, log);
    pool_.keep(node, std::move(made.artifacts));
  } catch (...) {
    result.outcome = caught_failure(setup_.stop, log);
  }
  return result;
}

NodeRunner::Made NodeRunner::make(int node, const Seat& seat, NodeLog& log) {
  const pipeline::PlanNode& what = setup_.node(node);
  // Before the stage's own code: loading may run another stage, which must not happen in the middle of this one.
  const NodeInputs inputs = load_inputs(node);
  const auto& body = setup_.registry.body(*what.stage);
  NodeContext context({.stage = *what.stage,
                       .inputs = inputs,
                       .node = node,
                       .seat = seat,
                       .stop = setup_.stop,
                       .scratch_root = setup_.options.scratch_root,
                       .folder = setup_.plan.folder()},
                      log, setup_.observer);
  const auto start = std::chrono::steady_clock::now();
  const double cpu_start = thread_cpu_seconds();
  body(what.params, context);
  Made made{.artifacts = context.take_outputs()};
  check_witnesses(*what.stage, inputs, made.artifacts);
  made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  made.cpu_seconds = thread_cpu_seconds() - cpu_start;
  return made;
}

NodeInputs NodeRunner::load_inputs(int node) {
  const pipeline::PlanNode& what = setup_.node(node);
  NodeInputs inputs(what.stage->inputs.size());
  for (std::size_t port = 0; port < what.inputs.size(); ++port) {
    const bool labelled = what.stage->inputs[port].labelled;
    for (const pipeline::Source& source : what.inputs[port]) {
      Gathered gathered;
      gathered.artifact = pool_.take(source);
      if (labelled) gathered.labels = source.labels;
      inputs[port].push_back(std::move(gathered));
    }
  }
  return inputs;
}

std::vector<Digest> NodeRunner::record(int node, const Seat& seat, const Made& made) {
  const StageSpec& stage = *setup_.node(node).stage;
  const Board::Keyed& keyed = *board_.keyed(node);
  cache::Action action;
  action.key = keyed.key;
  action.ingredients = keyed.ingredients;
  for (const PortSpec& port : stage.outputs) action.outputs.push_back({port.name, port.kind, {}});
  action.provenance = provenance_of(stage, seat, made);
  action.retry_on_timeout = own_verdicts(stage, made.artifacts, Verdict::timeout) > 0;
  action.retry_on_error = own_verdicts(stage, made.artifacts, Verdict::error) > 0;
  const cache::Action kept = setup_.store.put(std::move(action), made.artifacts);
  std::vector<Digest> contents;
  for (const cache::OutputRef& output : kept.outputs) contents.push_back(output.content);
  return contents;
}

cache::Provenance NodeRunner::provenance_of(const StageSpec& stage, const Seat& seat, const Made& made) const {
  const plugin::LoadedPlugin& origin = setup_.registry.origin(stage);
  cache::Provenance result{.host = host_,
                           .cpu = cpu_,
                           .finished = core::utc_now(),
                           .seconds = made.seconds,
                           .cpu_seconds = made.cpu_seconds,
                           .engine = std::string("espalier ") + core::kVersion,
                           .plugin = origin.name + " " + origin.version,
                           .plugin_digest = origin.file_digest,
                           .versions = setup_.surroundings.machine};
  result.versions["threads"] = std::to_string(seat.threads);
  result.versions["device"] = seat.device;
  if (!origin.torch.empty() && origin.torch != "none") result.versions.emplace("torch", origin.torch);
  return result;
}

/// In place, on the caller's token: taking a second token while holding one could wait for ever.
ArtifactPool::Remade NodeRunner::make_again(int node) {
  const pipeline::PlanNode& what = setup_.node(node);
  NodeLog log(setup_, node);
  try {
    board_.compute_key(node);
    const Seat seat = seat_of(setup_.lanes.of(what), 0);
    Made made = make(node, seat, log);
    std::vector<Digest> contents = record(node, seat, made);
    return {.artifacts = std::move(made.artifacts), .contents = std::move(contents)};
  } catch (...) {
    const Outcome outcome = caught_failure(setup_.stop, log);
    const Failed* failed = std::get_if<Failed>(&outcome);
    if (failed == nullptr) throw Error(Code::stopped, "the run is being stopped");
    throw Error(
        failed->code,
        fmt::format("a stored result of '{}' was lost, and making it again failed: {}", what.name, failed->message),
        failed->hint);
  }
}

int NodeRunner::report_verdict_errors(int node, const Made& made, NodeLog& log) {
  const int errors = own_verdicts(*setup_.node(node).stage, made.artifacts, Verdict::error);
  if (errors == 0) return 0;
  const std::string text = fmt::format("{} of the verdicts of '{}' are `error`; the first: {}", errors,
                                       setup_.node(node).name, first_error(made.artifacts).value_or(""));
  log.note(text);
  setup_.observer.warned(text);
  return errors;
}

}  // namespace espalier::run
