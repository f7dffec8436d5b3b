// SPDX-License-Identifier: Apache-2.0
// runs: what ran, when, and how it ended.
#include <fmt/format.h>

#include "core/text.hpp"
#include "counted.hpp"
#include "session.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

/// What became of the nodes of a run; `not run` is what an interruption kept from running.
std::string counts_text(const cache::RunRecord& r) {
  std::string text = fmt::format("{} up to date, {} ran, {} failed, {} skipped", r.hit, r.ran, r.failed, r.skipped);
  const int left = r.total - r.hit - r.ran - r.failed - r.skipped;
  return left > 0 ? text + fmt::format(", {} not run", left) : text;
}

void print_run(const cache::RunRecord& r) {
  fmt::print("run       {}\npipeline  {} ({})\nstarted   {}\nseconds   {:.2f}\noutcome   {}\n", r.id, r.pipeline,
             r.file, r.started, r.seconds,
             r.outcome == cache::kUnfinished ? "unfinished: still running, or killed" : r.outcome);
  fmt::print("nodes     {}: {}\n", r.total, counts_text(r));
  for (const auto& [node, message] : r.failures) fmt::print("failed    {}: {}\n", node, message);
  for (const auto& [node, seconds] : r.node_seconds)
    fmt::print("ran       {:<50} {}\n", node, core::duration_text(seconds));
  for (const std::string& report : r.reports) fmt::print("report    {}\n", report);
}

}  // namespace

cache::RunRecord find_run(Workshop& workshop, const std::string& wanted) {
  std::vector<std::string> matching;
  for (const std::string& id : workshop.runs.ids()) {
    if (id == wanted) matching = {id};
    if (id == wanted) break;
    if (id.find(wanted) != std::string::npos) matching.push_back(id);
  }
  if (matching.size() != 1) {
    throw Error(Code::request,
                matching.empty()
                    ? fmt::format("no run in '{}' is called '{}'", workshop.store.root().string(), wanted)
                    : fmt::format("'{}' fits {} runs: {}", wanted, matching.size(), core::quoted_list(matching)),
                "see all runs with: espalier runs");
  }
  auto record = workshop.runs.read(matching.front());
  if (!record) {
    throw Error(Code::damaged,
                fmt::format("the record of run '{}' cannot be read ('{}')", matching.front(),
                            (workshop.runs.folder(matching.front()) / "run.json").string()),
                "the results themselves are not affected; run the pipeline again for a new record");
  }
  return *record;
}

int runs_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  if (!options.run.empty()) {
    print_run(find_run(workshop, options.run));
    return kOk;
  }
  workshop.say_when_empty();
  for (const std::string& id : workshop.runs.ids()) {
    const auto r = workshop.runs.read(id);
    if (!r) {
      fmt::print("{}  (record cannot be read)\n", id);
      continue;
    }
    fmt::print("{}  {:<11}  {:>9}  {}: {}\n", r->id, r->outcome, core::duration_text(r->seconds),
               counted(r->total, "node"), counts_text(*r));
  }
  return kOk;
}

}  // namespace espalier::cli
