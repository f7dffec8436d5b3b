// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cache/explanation.hpp"
#include "core/blas.hpp"
#include "core/machine.hpp"
#include "core/text.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

/// Digests of files that `.file()` parameters name, each read once a run.
std::function<Digest(const std::string&)> remembering_file_digests(core::Disk& disk) {
  auto known = std::make_shared<std::map<std::string, Digest>>();
  return [&disk, known](const std::string& path) {
    if (const auto it = known->find(path); it != known->end()) return it->second;
    const auto bytes = disk.read(path);
    if (!bytes) {
      throw Error(Code::missing, fmt::format("there is no file '{}'", path),
                  "check the path; it is taken relative to the pipeline's folder");
    }
    return (*known)[path] = espalier::digest_of(*bytes);
  };
}

std::pair<int, std::string> threads_and_device(const run::Lanes& lanes, const pipeline::PlanNode& node) {
  const run::Seat seat = run::seat_of(lanes.of(node), 0);
  return {seat.threads, seat.device};
}

bool print(const Diagnostics& findings, const std::string& source) {
  fmt::print(stderr, "{}", findings.render(source));
  return findings.has_errors();
}

std::vector<bool> chosen(const pipeline::Plan& plan, const std::vector<std::string>& globs, const char* flag,
                         const std::string& file, Diagnostics& findings) {
  std::vector<bool> out(plan.nodes().size());
  for (const std::string& glob : globs) {
    const auto nodes = plan.matching(glob);
    if (nodes.empty()) {
      findings.error({flag, 0, 0, 0}, fmt::format("no node matches '{}'", glob)).hint = fmt::format(
          "'*' stands for any letters, '?' for one, nothing else is special; see the names with: "
          "espalier plan {}",
          file);
    }
    for (const int node : nodes) out[static_cast<std::size_t>(node)] = true;
  }
  return out;
}

/// TOML files of a folder, for someone who named none or a wrong one.
std::vector<std::string> pipelines_in(core::Disk& disk, const core::Path& folder) {
  std::vector<std::string> out;
  for (const std::string& name : disk.list(folder.empty() ? "." : folder)) {
    if (name.ends_with(".toml")) out.push_back((folder / name).string());
  }
  return out;
}

std::string pipeline_text(core::Disk& disk, const std::string& file) {
  std::error_code unknown;
  if (std::filesystem::is_directory(file, unknown)) {
    throw Error(Code::request, fmt::format("'{}' is a folder, not a pipeline", file), "name a file in it");
  }
  if (!file.empty()) {
    if (auto text = requested_text(disk, file)) return *std::move(text);
  }
  const auto here = pipelines_in(disk, core::Path(file).parent_path());
  const std::string known = here.empty() ? "a pipeline is a TOML file of sections like [data.idx.fashion]; "
                                           "'espalier list' shows the stages"
                                         : "here are: " + core::quoted_list(here);
  if (file.empty()) throw Error(Code::request, "no pipeline is given", known);
  throw Error(Code::request, fmt::format("there is no pipeline '{}'{}", file, core::did_you_mean(file, here)), known);
}

}  // namespace

std::optional<std::string> requested_text(core::Disk& disk, const std::string& file) {
  try {
    return disk.read(file);
  } catch (const Error& error) {
    if (error.code() != Code::io) throw;
    throw Error(Code::request, error.what(), error.hint());
  }
}

Workshop::Workshop(const Options& options, const core::Path& store_folder)
    : refused(plugin::load_plugins(plugin::search_path(options.plugin_path), registry)),
      store(disk, store_folder, registry),
      runs(disk, store_folder) {}

bool Workshop::has_store() {
  return disk.stat(store.root() / "actions") || disk.stat(store.root() / "runs");
}

void Workshop::say_when_empty() {
  if (has_store()) return;
  fmt::print(stderr, "note: there is no store '{}' yet; a run makes one, and --store names another\n",
             store.root().string());
}

Session::Session(const Options& options, const core::Path& folder)
    : workshop(options, store_beside(options, folder)), lanes(run::default_lanes(options.jobs)) {
  surroundings.machine = core::numeric_surroundings();
  surroundings.blas = [] { return core::blas().version; };
  surroundings.trust_binary = options.trust == "binary";
  surroundings.lane = [this](const pipeline::PlanNode& node) { return threads_and_device(lanes, node); };
  surroundings.file_digest = remembering_file_digests(workshop.disk);
}

std::unique_ptr<Session> Session::open(const Options& options) {
  Diagnostics findings;
  return open(options, findings);
}

std::unique_ptr<Session> Session::open(const Options& options, Diagnostics& findings) {
  std::unique_ptr<Session> session(new Session(options, core::Path(options.pipeline).parent_path()));
  const std::string text = pipeline_text(session->workshop.disk, options.pipeline);
  for (const plugin::Refused& refused : session->workshop.refused) {
    refused.named_explicitly ? findings.error({}, refused.why) : findings.warning({}, refused.why);
  }
  session->document = pipeline::Document::parse(options.pipeline, text, findings);
  for (const std::string& assignment : options.sets) session->document.set(assignment, findings);
  auto plan = pipeline::Plan::build(session->document, session->workshop.registry, findings);
  if (plan && !options.only.empty()) {
    const auto wanted = chosen(*plan, options.only, "--only", options.pipeline, findings);
    std::vector<int> nodes;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i]) nodes.push_back(static_cast<int>(i));
    }
    plan = plan->restricted_to(nodes);
  }
  if (plan && !options.force.empty())
    session->run_options.force = chosen(*plan, options.force, "--force", options.pipeline, findings);
  if (print(findings, text) || !plan) return nullptr;
  session->plan = std::move(*plan);
  session->run_options.fail_fast = options.fail_fast;
  session->run_options.retry_timeout = options.retry == "timeout";
  session->run_options.retry_failed = options.retry == "failed";
  return session;
}

run::Resolution Session::resolve() {
  run::Resolution resolution = run::resolve(plan, workshop.registry, workshop.store, surroundings, run_options);
  for (const cache::Store::Problem& problem : workshop.store.take_found_damaged()) {
    fmt::print(stderr, "warning: {}; what made it runs again\n", problem.text);
  }
  workshop.store.save_index();  // what was read to see whether it is whole is not read again
  return resolution;
}

const std::optional<cache::RunRecord>& Session::last_run() {
  if (!std::exchange(last_run_read_, true)) {
    if (const auto latest = workshop.runs.latest(plan.name())) last_run_ = workshop.runs.read(latest->id);
  }
  return last_run_;
}

std::optional<cache::Ingredients> Session::last_ingredients(const std::string& name) {
  if (!last_run()) return std::nullopt;
  const auto key = last_run()->keys.find(name);
  if (key == last_run()->keys.end()) return std::nullopt;
  const auto digest = Digest::from_hex(key->second);
  const auto action = digest ? workshop.store.action(*digest) : std::nullopt;
  return action ? std::optional(action->ingredients) : std::nullopt;
}

std::optional<cache::AxisHistory::Former> Session::former(int node) {
  const pipeline::PlanNode& wanted = plan.nodes()[static_cast<std::size_t>(node)];
  // A run that was cut off does not tell which values its nodes had that never came to be.
  const bool is_whole = last_run() && (last_run()->outcome == "ok" || last_run()->outcome == "failed");
  if (!is_whole || last_run()->keys.contains(wanted.name)) return std::nullopt;
  if (!axis_history_) {
    std::set<std::string> names;
    for (const auto& [name, key] : last_run()->keys) names.insert(name);
    for (const auto& [name, message] : last_run()->failures) names.insert(name);
    axis_history_.emplace(document.axes(), std::move(names));
  }
  return axis_history_->former(wanted);
}

namespace {

std::string hit_text(Session& session, const run::Resolution& resolution, int node) {
  const auto i = static_cast<std::size_t>(node);
  const std::string& name = session.plan.nodes()[i].name;
  const auto action = session.workshop.store.action(*resolution.keys[i]);
  if (!action) return fmt::format("{} is up to date\n", name);
  std::string text =
      fmt::format("{} is up to date: made {} on {} in {:.2f} s, key {}\n", name, action->provenance.finished,
                  action->provenance.host, action->provenance.seconds, action->key.brief());
  const auto& origin = session.workshop.registry.origin(*session.plan.nodes()[i].stage);
  if (!action->provenance.plugin_digest.empty() && !origin.file_digest.empty() &&
      action->provenance.plugin_digest != origin.file_digest) {
    text += fmt::format(
        "  note: plugin '{}' was rebuilt since (revision {} unchanged); --trust binary would run it again\n",
        origin.name, action->ingredients.revision);
  }
  return text;
}

/// What the last run of the pipeline says of a node that it did not make; nothing when it made it, or knows no such
/// node.
std::string last_failure_text(Session& session, int node) {
  const std::string& name = session.plan.nodes()[static_cast<std::size_t>(node)].name;
  const auto& last = session.last_run();
  if (!last) return {};
  if (const auto failed = last->failures.find(name); failed != last->failures.end()) {
    return fmt::format("  it failed in run {}: {}\n", last->id, failed->second);
  }
  if (const auto skipped = last->skips.find(name); skipped != last->skips.end()) {
    return fmt::format("  it was skipped in run {}, because '{}' failed\n", last->id, skipped->second);
  }
  return {};
}

std::string pending_text(Session& session, const run::Resolution& resolution, int node) {
  std::vector<std::string> waiting;
  for (const int before : session.plan.predecessors(node)) {
    if (resolution.state[static_cast<std::size_t>(before)] != run::Known::hit) {
      waiting.push_back(session.plan.nodes()[static_cast<std::size_t>(before)].name);
    }
  }
  return fmt::format("{} cannot be decided yet: {} of {} inputs have still to run (first: {})\n",
                     session.plan.nodes()[static_cast<std::size_t>(node)].name, waiting.size(),
                     session.plan.predecessors(node).size(), waiting.empty() ? "?" : waiting.front()) +
         last_failure_text(session, node);
}

std::string place_text(const Span& span) {
  return span.line == 0 ? "" : fmt::format("   {}:{}:{}", span.file, span.line, span.column);
}

}  // namespace

namespace {

std::string axis_text(const Session& session, const cache::AxisHistory::Former& former) {
  std::string text;
  for (const auto& change : former.changes) {
    const auto& axes = session.document.axes();
    const auto axis = std::ranges::find(axes, change.axis, &pipeline::Axis::name);
    text += fmt::format("  {}{}\n", change.text, axis == axes.end() ? "" : place_text(axis->span));
  }
  return text;
}

/// Of a result that was made before and is not there any more.
std::string gone_text(cache::Store& store, const Digest& key) {
  std::string text = "  nothing changed, but its result is no longer in the store";
  const auto action = store.action(key);
  if (!action) return text + "\n";
  for (const cache::OutputRef& output : action->outputs) {
    if (const auto copy = store.damaged_copy(output.content))
      text += fmt::format("; it was damaged: '{}'", copy->string());
  }
  return text + "\n";
}

std::string differences_text(const Session& session, int node, const cache::Ingredients& then,
                             const cache::Ingredients& now) {
  std::string text;
  for (const cache::Reason& reason : cache::differences(then, now)) {
    const Span place = reason.parameter.empty() ? Span{} : session.plan.place_of(node, reason.parameter);
    text += fmt::format("  {}{}\n", reason.text, place_text(place));
  }
  return text;
}

}  // namespace

std::string why(Session& session, const run::Resolution& resolution, int node) {
  const auto i = static_cast<std::size_t>(node);
  if (resolution.state[i] == run::Known::hit) return hit_text(session, resolution, node);
  if (resolution.state[i] == run::Known::pending) return pending_text(session, resolution, node);
  std::string text = fmt::format("{} will run:\n", session.plan.nodes()[i].name);
  const bool forced = i < session.run_options.force.size() && session.run_options.force[i];
  if (forced) return text + "  --force names it\n";
  if (const auto problem = resolution.problems.find(node); problem != resolution.problems.end()) {
    const Error& error = problem->second;
    return text + fmt::format("  {}\n{}", error.what(), error.hint().empty() ? "" : "    " + error.hint() + "\n");
  }
  const std::string last_failure = last_failure_text(session, node);
  text += last_failure;
  const auto former = session.former(node);
  if (former) text += axis_text(session, *former);
  const auto then = session.last_ingredients(former && former->name ? *former->name : session.plan.nodes()[i].name);
  if (!then)
    return former || !last_failure.empty()
               ? text
               : text + "  there is no earlier result of a node of this name in this store\n";
  if (*then != *resolution.ingredients[i]) {
    return text + differences_text(session, node, *then, *resolution.ingredients[i]);
  }
  if (!session.workshop.store.lookup(*resolution.keys[i])) {
    return text + gone_text(session.workshop.store, *resolution.keys[i]);
  }
  return text + (session.run_options.retry_timeout ? "  --retry timeout, and it holds verdicts 'timeout'\n"
                                                   : "  --retry failed, and it holds verdicts 'error'\n");
}

}  // namespace espalier::cli
