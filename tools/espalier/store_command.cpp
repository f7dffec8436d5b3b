// SPDX-License-Identifier: Apache-2.0
// store ls, verify, gc, and runs: what is kept.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "session.hpp"

namespace espalier::cli {
namespace {

/// A run by its id, or by an unambiguous part of it.
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
                    ? fmt::format("no run is called '{}'", wanted)
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

void print_run(const cache::RunRecord& r) {
  fmt::print("run       {}\npipeline  {} ({})\nstarted   {}\nseconds   {:.2f}\noutcome   {}\n", r.id, r.pipeline,
             r.file, r.started, r.seconds, r.outcome);
  fmt::print("nodes     {}: {} up to date, {} ran, {} failed, {} skipped\n", r.total, r.hit, r.ran, r.failed,
             r.skipped);
  for (const auto& [node, message] : r.failures) fmt::print("failed    {}: {}\n", node, message);
  for (const auto& [node, seconds] : r.node_seconds)
    fmt::print("ran       {:<50} {}\n", node, core::duration_text(seconds));
  for (const std::string& report : r.reports) fmt::print("report    {}\n", report);
}

/// Keys that a run still names: of all runs, or of the newest run of the pipelines that are to be kept.
std::set<Digest> live_keys(Workshop& workshop, const std::vector<std::string>& keep) {
  std::vector<std::string> ids;
  if (keep.empty()) {
    ids = workshop.runs.ids();
  } else {
    for (const std::string& file : keep) {
      const auto text = workshop.disk.read(file);
      if (!text)
        throw Error(Code::missing, fmt::format("there is no pipeline '{}'", file), "check the path after --keep");
      Diagnostics findings;
      const auto document = pipeline::Document::parse(file, *text, findings);
      const auto latest = workshop.runs.latest(document.name());
      if (!latest) {
        throw Error(Code::missing, fmt::format("pipeline '{}' ('{}') has no run in this store", document.name(), file),
                    "leave it out of --keep, or run it first");
      }
      ids.push_back(latest->id);
    }
  }
  std::set<Digest> live;
  for (const std::string& id : ids) {
    const auto record = workshop.runs.read(id);
    if (!record) {
      throw Error(Code::damaged,
                  fmt::format("the record of run '{}' cannot be read, so what it needs is not known", id),
                  fmt::format("remove the folder '{}' if the run does not matter", workshop.runs.folder(id).string()));
    }
    for (const auto& [node, key] : record->keys) {
      if (const auto digest = Digest::from_hex(key)) live.insert(*digest);
    }
  }
  return live;
}

}  // namespace

int store_list_command(const Options& options) {
  Workshop workshop(options);
  auto entries = workshop.store.list();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::uint64_t total = 0;
  for (const auto& e : entries) {
    total += e.bytes;
    fmt::print("{}  {:<10} {:>9}  {}\n", e.content.brief(), e.kind, core::bytes_text(static_cast<double>(e.bytes)),
               e.made_by.empty() ? "(no action names it)" : e.made_by);
  }
  fmt::print("{} artifacts, {} in '{}'\n", entries.size(), core::bytes_text(static_cast<double>(total)),
             workshop.store.root().string());
  return kOk;
}

int store_verify_command(const Options& options) {
  Workshop workshop(options);
  const auto summary = workshop.store.verify();
  for (const auto& problem : summary.problems) fmt::print("{}: {}\n", problem.file.string(), problem.text);
  fmt::print("{} artifacts and {} records, {}: {}\n", summary.objects, summary.actions,
             core::bytes_text(static_cast<double>(summary.bytes)),
             summary.problems.empty() ? "all as they should be" : fmt::format("{} problems", summary.problems.size()));
  if (summary.problems.empty()) return kOk;
  fmt::print(stderr, "make it again with: espalier run PIPELINE; what is damaged counts as not there from now on\n");
  return kFailed;
}

int store_gc_command(const Options& options) {
  Workshop workshop(options);
  const auto garbage = workshop.store.garbage(live_keys(workshop, options.keep));
  for (const auto& file : garbage.files) fmt::print("{}\n", file.string());
  const std::string size = core::bytes_text(static_cast<double>(garbage.bytes));
  if (!options.yes) {
    fmt::print(stderr, "{} files, {} could go; nothing was removed: say --yes to remove them\n", garbage.files.size(),
               size);
    return kOk;
  }
  workshop.store.remove(garbage);
  fmt::print(stderr, "removed {} files, {}\n", garbage.files.size(), size);
  return kOk;
}

int runs_command(const Options& options) {
  Workshop workshop(options);
  if (!options.run.empty()) {
    print_run(find_run(workshop, options.run));
    return kOk;
  }
  for (const std::string& id : workshop.runs.ids()) {
    const auto r = workshop.runs.read(id);
    if (!r) {
      fmt::print("{}  (record cannot be read)\n", id);
      continue;
    }
    fmt::print("{}  {:<11}  {:>9}  {} nodes: {} up to date, {} ran, {} failed, {} skipped\n", r->id, r->outcome,
               core::duration_text(r->seconds), r->total, r->hit, r->ran, r->failed, r->skipped);
  }
  return kOk;
}

}  // namespace espalier::cli
