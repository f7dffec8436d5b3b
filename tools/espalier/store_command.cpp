// SPDX-License-Identifier: Apache-2.0
// store ls, verify, gc, export, import: what is kept.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "core/text.hpp"
#include "counted.hpp"
#include "session.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

std::string newest_run_of(Workshop& workshop, const std::string& file) {
  const auto text = requested_text(workshop.disk, file);
  if (!text) throw Error(Code::request, fmt::format("there is no pipeline '{}'", file), "check the path after --keep");
  Diagnostics findings;
  const auto document = pipeline::Document::parse(file, *text, findings);
  if (const auto latest = workshop.runs.latest(document.name())) return latest->id;
  throw Error(Code::request, fmt::format("pipeline '{}' ('{}') has no run in this store", document.name(), file),
              "leave it out of --keep, or run it first");
}

/// What `store gc` leaves alone.
struct Live {
  std::set<Digest> keys;
  std::optional<std::int64_t> made_since_ns{};
};

/// What all runs name, or the newest run of the pipelines that are to be kept.
Live live_results(Workshop& workshop, const std::vector<std::string>& keep) {
  std::vector<std::string> ids;
  for (const std::string& file : keep) ids.push_back(newest_run_of(workshop, file));
  if (keep.empty()) ids = workshop.runs.ids();
  Live live;
  for (const std::string& id : ids) {
    const auto record = workshop.runs.read(id);
    if (!record) {
      throw Error(Code::damaged,
                  fmt::format("the record of run '{}' cannot be read, so what it needs is not known", id),
                  fmt::format("remove the folder '{}' if the run does not matter", workshop.runs.folder(id).string()));
    }
    for (const auto& [node, key] : record->keys) {
      if (const auto digest = Digest::from_hex(key)) live.keys.insert(*digest);
    }
    // It runs still, or was killed before it could say what it finished. The next run of the pipeline will.
    const auto newest = workshop.runs.latest(record->pipeline);
    const bool unfinished = record->outcome == cache::kUnfinished && newest && newest->id == id;
    const auto begun = unfinished ? workshop.disk.stat(workshop.runs.folder(id) / "run.json") : std::nullopt;
    if (begun) live.made_since_ns = std::min(live.made_since_ns.value_or(begun->mtime_ns), begun->mtime_ns);
  }
  return live;
}

}  // namespace

int store_list_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  workshop.say_when_empty();
  auto entries = workshop.store.list();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  std::uint64_t total = 0;
  for (const auto& e : entries) {
    total += e.bytes;
    fmt::print("{}  {:<10} {:>9}  {}\n", e.content.brief(), e.kind, core::bytes_text(static_cast<double>(e.bytes)),
               e.made_by.empty() ? "(no action names it)" : e.made_by);
  }
  fmt::print("{}, {} in '{}'\n", counted(entries.size(), "artifact"), core::bytes_text(static_cast<double>(total)),
             workshop.store.root().string());
  return kOk;
}

int store_verify_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  if (!workshop.has_store()) {
    throw Error(Code::request, fmt::format("there is no store '{}' to verify", workshop.store.root().string()),
                "a run makes one, and --store names another");
  }
  const auto summary = workshop.store.verify();
  for (const auto& problem : summary.problems) fmt::print("{}\n", problem.text);
  fmt::print("{} and {}, {}: {}\n", counted(summary.objects, "artifact"), counted(summary.actions, "record"),
             core::bytes_text(static_cast<double>(summary.bytes)),
             summary.problems.empty() ? "all as they should be" : counted(summary.problems.size(), "problem"));
  if (summary.problems.empty()) return kOk;
  fmt::print(stderr, "make it again with: espalier run PIPELINE; what is damaged counts as not there from now on\n");
  return kFailed;
}

int store_gc_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  workshop.say_when_empty();
  const Live live = live_results(workshop, options.keep);
  const auto garbage = workshop.store.garbage(live.keys, live.made_since_ns);
  for (const auto& file : garbage.files) fmt::print("{}\n", file.string());
  const std::string size = core::bytes_text(static_cast<double>(garbage.bytes));
  if (!options.yes) {
    fmt::print(stderr, "{}, {} could go; nothing was removed: say --yes to remove them\n",
               counted(garbage.files.size(), "file"), size);
    return kOk;
  }
  workshop.store.remove(garbage);
  fmt::print(stderr, "removed {}, {}\n", counted(garbage.files.size(), "file"), size);
  return kOk;
}

namespace {

/// The runs that were named, or all.
std::vector<cache::RunRecord> chosen_runs(Workshop& workshop, const std::vector<std::string>& wanted) {
  std::vector<cache::RunRecord> out;
  for (const std::string& run : wanted) out.push_back(find_run(workshop, run));
  if (!wanted.empty()) return out;
  for (const std::string& id : workshop.runs.ids()) {
    if (const auto record = workshop.runs.read(id)) out.push_back(*record);
  }
  return out;
}

int say_copied(const cache::Store::Copied& copied, std::size_t runs, const core::Path& where) {
  for (const auto& problem : copied.problems) fmt::print(stderr, "{}\n", problem.text);
  fmt::print("{} ({}, {}) and {} copied to '{}'; {} there already\n", counted(copied.results, "result"),
             counted(copied.objects, "artifact"), core::bytes_text(static_cast<double>(copied.bytes)),
             counted(runs, "run"), where.string(),
             copied.known == 1 ? "1 result was" : fmt::format("{} results were", copied.known));
  if (copied.problems.empty()) return kOk;
  fmt::print(stderr, "what is damaged was left out; a run of its pipeline makes it again\n");
  return kFailed;
}

/// Copying a store into itself would say that all is there.
void require_other_store(Workshop& workshop, const core::Path& folder) {
  if (std::filesystem::weakly_canonical(folder) != std::filesystem::weakly_canonical(workshop.store.root())) return;
  throw Error(Code::request, fmt::format("'{}' is the store itself", folder.string()),
              "name another folder, or choose another store with --store");
}

/// Nothing, or what may be a store: an export must not mix with somebody's files.
void require_free_folder(core::Disk& disk, const core::Path& folder) {
  std::error_code unknown;
  if (std::filesystem::exists(folder, unknown) && !std::filesystem::is_directory(folder, unknown)) {
    throw Error(Code::request, fmt::format("'{}' is a file, not a folder", folder.string()), "name a new folder");
  }
  const std::vector<std::string> names = disk.list(folder);
  const bool is_store = std::ranges::any_of(
      names, [](const std::string& name) { return name == "objects" || name == "actions" || name == "runs"; });
  if (names.empty() || is_store) return;
  throw Error(Code::request, fmt::format("the folder '{}' holds other things: '{}'", folder.string(), names.front()),
              "name a new folder, or one that an earlier export made");
}

}  // namespace

int store_export_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  require_other_store(workshop, options.folder);
  require_free_folder(workshop.disk, options.folder);
  workshop.say_when_empty();
  cache::Store to(workshop.disk, options.folder, workshop.registry);
  cache::RunLog runs(workshop.disk, options.folder);
  const auto records = chosen_runs(workshop, options.runs);
  std::set<Digest> keys;
  for (const cache::RunRecord& record : records) {
    for (const auto& [node, key] : record.keys) {
      const auto digest = Digest::from_hex(key);
      if (digest && workshop.store.lookup(*digest)) keys.insert(*digest);
    }
  }
  const auto copied = to.take_from(workshop.store, keys);
  for (const cache::RunRecord& record : records) runs.adopt(workshop.runs, record);
  return say_copied(copied, records.size(), to.root());
}

int store_import_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  require_other_store(workshop, options.folder);
  cache::Store from(workshop.disk, options.folder, workshop.registry);
  cache::RunLog runs(workshop.disk, options.folder);
  const std::set<Digest> keys = from.keys();
  const auto ids = runs.ids();
  if (keys.empty() && ids.empty()) {
    throw Error(Code::request, fmt::format("'{}' is no store: no result and no run is in it", options.folder),
                "give a folder that 'espalier store export' made, or the .espalier folder of another machine");
  }
  const auto copied = workshop.store.take_from(from, keys);
  std::size_t adopted = 0;
  for (const std::string& id : ids) {
    const auto record = runs.read(id);
    if (!record || workshop.runs.read(id)) continue;
    workshop.runs.adopt(runs, *record);
    ++adopted;
  }
  return say_copied(copied, adopted, workshop.store.root());
}

}  // namespace espalier::cli
