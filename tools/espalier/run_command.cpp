// SPDX-License-Identifier: Apache-2.0
// run: resolve, say what will run and why, execute, record, export the reports.
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <espalier/report.hpp>

#include "core/machine.hpp"
#include "core/text.hpp"
#include "pipeline/graph.hpp"
#include "run/event_log.hpp"
#include "run/observers.hpp"
#include "run/progress_json.hpp"
#include "run/progress_plain.hpp"
#include "run/progress_tty.hpp"
#include "run/report_export.hpp"
#include "run/signals.hpp"
#include "session.hpp"

namespace espalier::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// What a run comes to, for the record, the JSON and the last lines.
struct Summary {
  cache::RunRecord record;
  std::vector<Diagnostic> mistakes{};          ///< why nothing ran
  std::map<std::string, std::string> hints{};  ///< of nodes that failed
  std::vector<std::string> reports{};          ///< absolute paths
  int stopped = 0;                             ///< nodes that an interruption kept from running
  int exit_code = kOk;
};

Digest state_of(const pipeline::Plan& plan, const std::vector<std::optional<Digest>>& keys) {
  Hasher hasher;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    hasher.field(plan.nodes()[i].name).field(keys[i] ? keys[i]->hex() : "");
  }
  return hasher.finish();
}

/// Up to so many nodes are named with their reason before a run; `explain` tells about all.
constexpr int kReasonsShown = 8;

/// Of nodes that have a result already, under this name or for another value of an axis: what never ran needs no
/// reason.
void say_why(Session& session, const run::Resolution& resolution, const Options& options) {
  if (options.progress == "none" || options.progress == "json") return;
  const auto& before = session.last_run();
  if (!before) return;
  int shown = 0;
  int left = 0;
  for (std::size_t i = 0; i < resolution.state.size(); ++i) {
    const auto node = static_cast<int>(i);
    if (resolution.state[i] != run::Known::will_run) continue;
    if (!before->keys.contains(session.plan.nodes()[i].name) && !session.former(node)) continue;
    if (shown == kReasonsShown) {
      ++left;
      continue;
    }
    fmt::print(stderr, "{}", why(session, resolution, node));
    ++shown;
  }
  if (left > 0) fmt::print(stderr, "and {} more, see: espalier explain {}\n", left, options.pipeline);
}

std::unique_ptr<run::Observer> progress_display(const Options& options, const core::Path& log_folder) {
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  std::string kind = options.progress;
  if (kind == "auto") kind = terminal ? "tty" : "plain";
  if (kind == "tty") {
    return std::make_unique<run::ProgressTty>(
        std::cerr, run::ProgressTty::Setting{.columns = [] { return run::terminal_columns(STDERR_FILENO); },
                                             .colours = run::colours_allowed(),
                                             .log_folder = log_folder});
  }
  if (kind == "json") return std::make_unique<run::ProgressJson>(std::cerr);
  if (kind == "none") return std::make_unique<run::Observer>();
  return std::make_unique<run::ProgressPlain>(std::cerr, log_folder);
}

/// What is known of a run before it starts. Nodes that have still to run keep the keys of the run before, so that
/// `explain` can compare even when this run never ends.
cache::RunRecord opening_record(Session& session, const run::Resolution& resolution, const Options& options) {
  const auto& before = session.last_run();
  cache::RunRecord record;
  record.id = session.workshop.runs.new_id(session.plan.name());
  record.pipeline = session.plan.name();
  record.file = options.pipeline;
  record.started = core::utc_now();
  record.outcome = cache::kUnfinished;
  record.total = static_cast<int>(session.plan.nodes().size());
  if (before && !options.only.empty()) record.keys = before->keys;  // the rest is still what the pipeline made last
  for (std::size_t i = 0; i < resolution.state.size(); ++i) {
    const std::string& name = session.plan.nodes()[i].name;
    const bool is_hit = resolution.state[i] == run::Known::hit;
    record.hit += is_hit ? 1 : 0;
    if (is_hit) {
      record.keys[name] = resolution.keys[i]->hex();
    } else if (before && before->keys.contains(name)) {
      record.keys[name] = before->keys.at(name);
    }
  }
  return record;
}

void note_nodes(const Session& session, const run::RunReport& report, Summary& summary) {
  cache::RunRecord& record = summary.record;
  for (std::size_t i = 0; i < report.outcomes.size(); ++i) {
    const std::string& name = session.plan.nodes()[i].name;
    const auto& outcome = report.outcomes[i];
    const bool is_there =
        outcome && (std::holds_alternative<run::Hit>(*outcome) || std::holds_alternative<run::Ran>(*outcome));
    if (is_there && report.keys[i]) record.keys[name] = report.keys[i]->hex();
    if (!outcome) continue;
    if (const auto* ran = std::get_if<run::Ran>(&*outcome)) record.node_seconds[name] = ran->seconds;
    if (const auto* failed = std::get_if<run::Failed>(&*outcome)) {
      record.failures[name] = failed->message;
      summary.hints[name] = failed->hint;
    }
    if (const auto* skipped = std::get_if<run::Skipped>(&*outcome)) {
      record.skips[name] = session.plan.nodes()[static_cast<std::size_t>(skipped->because)].name;
    }
  }
}

std::string graph_for_reports(const Session& session) {
  try {
    return pipeline::to_svg(session.plan);
  } catch (const Error& e) {
    fmt::print(stderr, "warning: the report goes without the graph: {}; {}\n", e.what(), e.hint());
    return {};
  }
}

bool makes_reports(const pipeline::Plan& plan) {
  for (const pipeline::PlanNode& node : plan.nodes()) {
    for (const PortSpec& port : node.stage->outputs) {
      if (port.kind == Report::kKind) return true;
    }
  }
  return false;
}

std::vector<std::string> export_reports(Session& session, const run::RunReport& report, const core::Path& folder) {
  std::vector<std::string> paths;
  if (!makes_reports(session.plan)) return paths;
  for (const core::Path& path : run::export_reports(session.plan, report, session.workshop.store, session.workshop.disk,
                                                    folder, graph_for_reports(session))) {
    paths.push_back(std::filesystem::absolute(path).lexically_normal().string());
  }
  return paths;
}

int exit_code_of(const run::RunReport& report) {
  if (report.interrupted) return kInterrupted;
  return report.failed > 0 || report.skipped > 0 || !report.verdict_errors.empty() ? kFailed : kOk;
}

/// Nothing is missing and the newest run holds the same results under the same names: there is nothing to write.
std::optional<Summary> nothing_to_do(Session& session, const run::Resolution& resolution) {
  for (const run::Known known : resolution.state) {
    if (known != run::Known::hit) return std::nullopt;
  }
  const auto latest = session.workshop.runs.latest(session.plan.name());
  if (!latest || latest->outcome != "ok") return std::nullopt;
  if (latest->state != state_of(session.plan, resolution.keys)) return std::nullopt;
  Summary summary;
  summary.record.id = latest->id;
  summary.record.pipeline = session.plan.name();
  summary.record.reports = latest->reports;
  for (const std::string& report : summary.record.reports) {
    const core::Path path = session.workshop.store.root() / report;
    if (!session.workshop.disk.stat(path)) return std::nullopt;
    summary.reports.push_back(std::filesystem::absolute(path).lexically_normal().string());
  }
  summary.record.total = summary.record.hit = static_cast<int>(session.plan.nodes().size());
  return summary;
}

Summary execute(Session& session, run::Resolution resolution, const Options& options) {
  Workshop& workshop = session.workshop;
  Summary summary;
  cache::RunRecord& record = summary.record;
  record = opening_record(session, resolution, options);
  const bool all_there = record.hit == record.total;
  // A store that cannot keep a note of a few lines cannot keep results: better to know before anything runs.
  if (!all_there) workshop.runs.write(record);
  const core::Path folder = workshop.runs.folder(record.id);
  session.run_options.log_folder = folder / "logs";
  session.run_options.expected_seconds = workshop.runs.expected_seconds(session.plan.name());

  run::EventLog events(workshop.disk, folder / "events.jsonl");
  const auto display = progress_display(options, session.run_options.log_folder);
  run::MultiObserver observers;
  observers.add(events);
  observers.add(*display);
  const run::StopOnSignal signals([](std::string_view text) { fmt::print(stderr, "\n{}\n", text); });
  const run::RunReport report =
      run::execute(session.plan, workshop.registry, workshop.store, session.surroundings, session.lanes,
                   session.run_options, std::move(resolution), observers, signals.token());

  if (const auto& problem = events.problem()) {
    fmt::print(stderr, "warning: what happened in this run is not written down: {}; its results are not affected\n",
               *problem);
  }
  record.outcome = report.interrupted ? "interrupted" : exit_code_of(report) == kOk ? "ok" : "failed";
  record.hit = report.hit;
  record.ran = report.ran;
  record.failed = report.failed;
  record.skipped = report.skipped;
  record.seconds = report.seconds;
  summary.stopped = report.stopped;
  record.state = state_of(session.plan, report.keys);
  note_nodes(session, report, summary);
  summary.exit_code = exit_code_of(report);
  summary.reports = export_reports(session, report, folder);
  const core::Path root = std::filesystem::absolute(workshop.store.root()).lexically_normal();
  for (const std::string& path : summary.reports) {
    record.reports.push_back(core::Path(path).lexically_relative(root).string());
  }
  return summary;
}

void print_json(const Summary& summary) {
  const cache::RunRecord& r = summary.record;
  nlohmann::ordered_json failed = nlohmann::ordered_json::array();
  for (const auto& [node, message] : r.failures) {
    failed.push_back({{"node", node}, {"message", message}, {"hint", summary.hints.at(node)}});
  }
  nlohmann::ordered_json mistakes = nlohmann::ordered_json::array();
  for (const Diagnostic& d : summary.mistakes) {
    if (d.severity != Severity::error) continue;
    mistakes.push_back({{"file", d.span.file},
                        {"line", d.span.line},
                        {"column", d.span.column},
                        {"message", d.text},
                        {"hint", d.hint}});
  }
  const nlohmann::ordered_json out = {{"pipeline", r.pipeline},
                                      {"run", r.id},
                                      {"seconds", r.seconds},
                                      {"nodes",
                                       {{"total", r.total},
                                        {"hit", r.hit},
                                        {"ran", r.ran},
                                        {"failed", r.failed},
                                        {"skipped", r.skipped},
                                        {"stopped", summary.stopped}}},
                                      {"failed", failed},
                                      {"reports", summary.reports},
                                      {"mistakes", mistakes}};
  // Messages may quote bytes of a broken file.
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_reports(const Summary& summary) {
  for (const std::string& path : summary.reports) {
    if (path.ends_with(".html")) fmt::print("report: {}\n", path);
  }
}

int run_pipeline(const Options& options, Diagnostics& findings) {
  const auto begin = Clock::now();
  if (options.executor != "local") {
    throw Error(Code::request, fmt::format("this espalier has no executor '{}', only 'local'", options.executor),
                "leave --executor out; inside an allocation, 'srun espalier run' uses its cores and devices");
  }
  const auto session = Session::open(options, findings);
  if (!session) return kBadRequest;
  run::Resolution resolution = session->resolve();
  auto summary = nothing_to_do(*session, resolution);
  const bool did_something = !summary;
  if (did_something) {
    session->run_options.begun = begin;
    say_why(*session, resolution, options);
    summary = execute(*session, std::move(resolution), options);
  }
  if (!did_something) summary->record.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (did_something) {
    try {
      session->workshop.runs.write(summary->record);
    } catch (const Error& e) {
      // The results are stored; only the note about this run is not.
      fmt::print(stderr, "warning: the run is not recorded: {}; {}\n", e.what(), e.hint());
    }
  } else if (options.progress != "none" && !options.json) {
    fmt::print(stderr, "nothing to run: {} up to date\n",
               summary->record.total == 1 ? "1 node is" : fmt::format("{} nodes are", summary->record.total));
  }
  if (options.json) {
    print_json(*summary);
  } else {
    print_reports(*summary);
  }
  return summary->exit_code;
}

}  // namespace

int run_command(const Options& options) {
  Diagnostics findings;
  const auto print_mistakes = [&] {
    if (options.json) print_json({.record = {}, .mistakes = findings.all()});
  };
  try {
    const int status = run_pipeline(options, findings);
    if (status == kBadRequest) print_mistakes();
    return status;
  } catch (const Error& error) {
    findings.error({}, error.what()).hint = error.hint();
    print_mistakes();
    throw;
  }
}

}  // namespace espalier::cli
