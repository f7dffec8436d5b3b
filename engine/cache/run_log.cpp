// SPDX-License-Identifier: Apache-2.0
#include "cache/run_log.hpp"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <ctime>
#include <sstream>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include <espalier/error.hpp>

#include "cache/layout.hpp"
#include "core/machine.hpp"

namespace espalier::cache {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kStampLength = 15;  // "20260301-142233"
constexpr std::size_t kSuffixLength = 8;  // a fraction of a second and a mark that tells processes apart

std::string text_of(const Json& json) {
  return json.dump(1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

/// A pipeline's name as part of a file name; different names stay different, and none can leave the folder.
std::string file_name(const std::string& pipeline) {
  std::string out;
  for (const char c : pipeline) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_' || c == '-') {
      out += c;
    } else {
      out += fmt::format("%{:02x}", byte);
    }
  }
  return out.empty() ? "%" : out;
}

bool is_id(const std::string& name) {
  if (name.size() < kStampLength + kSuffixLength + 3) return false;
  for (std::size_t i = 0; i < kStampLength; ++i) {
    if (i == 8 ? name[i] != '-' : std::isdigit(static_cast<unsigned char>(name[i])) == 0) return false;
  }
  return true;
}

std::string pipeline_part(const std::string& id) {
  return id.substr(kStampLength + 1, id.size() - kStampLength - kSuffixLength - 2);
}

/// When, and within a second how late in it: what ids are sorted by.
std::string sort_key(const std::string& id) {
  return id.substr(0, kStampLength) + id.substr(id.size() - kSuffixLength);
}

/// Tells apart runs that start within the same 15 microseconds, here and in other processes and on other hosts.
unsigned distinct_mark() {
  static std::atomic<unsigned> counter = 0;
  const Digest process = digest_of(fmt::format("{}/{}", core::host_name(), ::getpid()));
  return (process.bytes[0] * 256U + process.bytes[1] + counter++) & 0xffffU;
}

Json to_json(const RunRecord& r) {
  return {{"id", r.id},
          {"pipeline", r.pipeline},
          {"file", r.file},
          {"started", r.started},
          {"seconds", r.seconds},
          {"outcome", r.outcome},
          {"nodes", {{"total", r.total}, {"hit", r.hit}, {"ran", r.ran}, {"failed", r.failed}, {"skipped", r.skipped}}},
          {"keys", r.keys},
          {"node_seconds", r.node_seconds},
          {"failures", r.failures},
          {"skips", r.skips},
          {"reports", r.reports},
          {"state", r.state.hex()}};
}

Digest digest_in(const Json& json) {
  if (const auto digest = Digest::from_hex(json.get<std::string>())) return *digest;
  throw Error(Code::damaged, "not a digest");
}

RunRecord record_in(const Json& json) {
  const Json& nodes = json.at("nodes");
  return {.id = json.at("id"),
          .pipeline = json.at("pipeline"),
          .file = json.at("file"),
          .started = json.at("started"),
          .seconds = json.at("seconds"),
          .outcome = json.at("outcome"),
          .total = nodes.at("total"),
          .hit = nodes.at("hit"),
          .ran = nodes.at("ran"),
          .failed = nodes.at("failed"),
          .skipped = nodes.at("skipped"),
          .keys = json.at("keys"),
          .node_seconds = json.at("node_seconds"),
          .failures = json.at("failures"),
          .skips = json.value("skips", std::map<std::string, std::string>()),  // older records have none
          .reports = json.at("reports"),
          .state = digest_in(json.at("state"))};
}

/// One line of events.jsonl, as run/event_lines.cpp writes them.
void note_event(const Json& event, RunRecord& record) {
  if (event.at("event") != "node_finished") return;
  const std::string node = event.at("node");
  const std::string outcome = event.at("outcome");
  if (outcome == "hit" || outcome == "ran") record.keys[node] = event.at("key");
  if (outcome == "ran") record.node_seconds[node] = event.at("seconds");
  if (outcome == "failed") record.failures[node] = event.at("message");
  if (outcome == "skipped") record.skips[node] = event.at("because");
  record.hit += outcome == "hit" ? 1 : 0;
  record.ran += outcome == "ran" ? 1 : 0;
  record.failed += outcome == "failed" ? 1 : 0;
  record.skipped += outcome == "skipped" ? 1 : 0;
}

/// What `parse` makes of a file; nothing when it is not there, cannot be read or makes no sense.
template <class Parse>
auto parsed(core::Disk& disk, const core::Path& path, Parse parse)
    -> std::optional<decltype(parse(std::declval<const Json&>()))> {
  try {
    if (const auto bytes = disk.read(path)) return parse(Json::parse(*bytes));
  } catch (const Json::exception&) {
    return std::nullopt;  // torn or foreign
  } catch (const Error& error) {
    if (error.code() != Code::io && error.code() != Code::damaged) throw;
  }
  return std::nullopt;
}

}  // namespace

RunLog::RunLog(core::Disk& disk, core::Path store_root) : disk_(disk), root_(std::move(store_root) / "runs") {}

std::string RunLog::new_id(const std::string& pipeline) const {
  using namespace std::chrono;
  const auto now = system_clock::now();
  const auto second = floor<seconds>(now);
  const auto fraction = duration_cast<nanoseconds>(now - second).count() * 65536 / 1'000'000'000;
  return fmt::format("{:%Y%m%d-%H%M%S}-{}-{:04x}{:04x}", fmt::gmtime(system_clock::to_time_t(second)),
                     file_name(pipeline), fraction, distinct_mark());
}

core::Path RunLog::folder(const std::string& id) const {
  return root_ / id;
}

core::Path RunLog::latest_file(const std::string& pipeline) const {
  return root_ / fmt::format("latest-{}.json", file_name(pipeline));
}

void RunLog::write(const RunRecord& record) {
  disk_.write_atomically(folder(record.id) / "run.json", text_of(to_json(record)));
  const Json latest = {
      {"id", record.id}, {"state", record.state.hex()}, {"outcome", record.outcome}, {"reports", record.reports}};
  disk_.write_atomically(latest_file(record.pipeline), text_of(latest));
}

void RunLog::adopt(RunLog& other, const RunRecord& record) {
  const core::Path own = core::Path("runs") / record.id;
  for (const std::string& report : record.reports) {
    const core::Path name = core::Path(report).lexically_normal().lexically_relative(own);
    if (name.empty() || *name.begin() == "..") continue;  // no report of this run: it must not lead anywhere else
    if (const auto bytes = other.disk_.read(other.folder(record.id) / name)) {
      disk_.write_atomically(folder(record.id) / name, *bytes);
    }
  }
  const auto newest = latest(record.pipeline);
  if (!newest || sort_key(newest->id) < sort_key(record.id)) return write(record);
  disk_.write_atomically(folder(record.id) / "run.json", text_of(to_json(record)));
}

std::optional<RunRecord> RunLog::read(const std::string& id) {
  auto record = parsed(disk_, folder(id) / "run.json", record_in);
  if (record && record->id != id) record.reset();
  if (record && record->outcome == kUnfinished) complete_from_events(*record);
  return record;
}

void RunLog::complete_from_events(RunRecord& record) {
  std::string text;
  try {
    text = disk_.read(folder(record.id) / "events.jsonl").value_or("");
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;  // what the run was begun with is still known
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    try {
      note_event(Json::parse(line), record);
    } catch (const Json::exception&) {
      return;  // torn: the run was killed while it wrote this line
    }
  }
}

/// A process that was killed while it wrote the very first record leaves a folder with a temporary file.
bool RunLog::has_begun(const std::string& id) {
  return !std::ranges::all_of(disk_.list(folder(id)),
                              [](const auto& name) { return Layout::temporary_of(name).has_value(); });
}

std::vector<std::string> RunLog::ids() {
  std::vector<std::string> out = disk_.list(root_);
  std::erase_if(out, [this](const std::string& name) { return !is_id(name) || !has_begun(name); });
  std::ranges::stable_sort(out, {}, sort_key);
  return out;
}

std::vector<std::string> RunLog::newest_first(const std::string& pipeline) {
  std::vector<std::string> out = ids();
  std::erase_if(out, [wanted = file_name(pipeline)](const std::string& id) { return pipeline_part(id) != wanted; });
  std::ranges::reverse(out);
  return out;
}

std::optional<RunLog::Latest> RunLog::latest(const std::string& pipeline) {
  const auto known = parsed(disk_, latest_file(pipeline), [](const Json& json) {
    return Latest{.id = json.at("id"),
                  .state = digest_in(json.at("state")),
                  .outcome = json.at("outcome"),
                  .reports = json.at("reports")};
  });
  if (known) return known;
  for (const std::string& id : newest_first(pipeline)) {  // the file was lost: the records still tell
    const auto record = read(id);
    if (record) return Latest{id, record->state, record->outcome, record->reports};
  }
  return std::nullopt;
}

std::map<std::string, double> RunLog::expected_seconds(const std::string& pipeline) {
  constexpr int kLookedAt = 20;  // runs that only found hits know no times; do not read the whole history for them
  constexpr int kEnough = 3;
  std::map<std::string, double> out;
  int looked_at = 0;
  int with_times = 0;
  for (const std::string& id : newest_first(pipeline)) {
    if (looked_at++ == kLookedAt || with_times == kEnough) break;
    const auto record = read(id);
    if (!record || record->node_seconds.empty()) continue;
    with_times += 1;
    out.insert(record->node_seconds.begin(), record->node_seconds.end());  // what a newer run said stays
  }
  return out;
}

}  // namespace espalier::cache
