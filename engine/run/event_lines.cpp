// SPDX-License-Identifier: Apache-2.0
#include "run/event_lines.hpp"

#include <nlohmann/json.hpp>

#include <espalier/network.hpp>

#include "core/machine.hpp"
#include "run/scheduler.hpp"

namespace espalier::run {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// Messages may quote bytes of a broken file: what is no UTF-8 is shown as such instead of failing.
std::string line_of(const Json& event) {
  return event.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json event_at(std::string_view name, Clock::time_point begin) {
  return {{"event", name}, {"at", std::chrono::duration<double>(Clock::now() - begin).count()}};
}

const std::string& name_of(const pipeline::Plan& plan, int node) {
  return plan.nodes()[static_cast<std::size_t>(node)].name;
}

Json describe(const Outcome& outcome, const pipeline::Plan& plan) {
  return std::visit(
      Overloaded{
          [](const Hit& o) -> Json {
            return {{"outcome", "hit"}, {"key", o.key.hex()}};
          },
          [](const Ran& o) -> Json {
            return {{"outcome", "ran"}, {"key", o.key.hex()}, {"seconds", o.seconds}, {"cpu_seconds", o.cpu_seconds}};
          },
          [](const Failed& o) -> Json {
            return {{"outcome", "failed"}, {"message", o.message}, {"hint", o.hint}, {"code", to_text(o.code)}};
          },
          [&](const Skipped& o) -> Json {
            return {{"outcome", "skipped"}, {"because", name_of(plan, o.because)}};
          },
          [](const Stopped&) -> Json {
            return {{"outcome", "stopped"}};
          }},
      outcome);
}

}  // namespace

void EventLines::started(const RunStart& start) {
  plan_ = start.plan;
  begin_ = Clock::now();
  Json event = event_at("started", begin_);
  event["time"] = core::utc_now();
  event["pipeline"] = plan_->name();
  event["nodes"] = plan_->nodes().size();
  event["hit"] = start.hits;
  event["to_run"] = start.to_run;
  event["pending"] = start.pending;
  event["expected_seconds"] = start.expected_seconds;
  write(line_of(event));
}

void EventLines::node_started(int node) {
  Json event = event_at("node_started", begin_);
  event["node"] = name_of(*plan_, node);
  write(line_of(event));
}

void EventLines::node_progress(int node, double done, double total) {
  Json event = event_at("node_progress", begin_);
  event["node"] = name_of(*plan_, node);
  event["done"] = done;
  event["total"] = total;
  write(line_of(event));
}

void EventLines::node_logged(int node, std::string_view line) {
  Json event = event_at("node_logged", begin_);
  event["node"] = name_of(*plan_, node);
  event["line"] = line;
  write(line_of(event));
}

void EventLines::node_finished(int node, const Outcome& outcome) {
  Json event = event_at("node_finished", begin_);
  event["node"] = name_of(*plan_, node);
  event.update(describe(outcome, *plan_));
  write(line_of(event));
}

void EventLines::warned(std::string_view text) {
  Json event = event_at("warning", begin_);
  event["text"] = text;
  write(line_of(event));
}

void EventLines::stopping() {
  write(line_of(event_at("stopping", begin_)));
}

void EventLines::finished(const RunReport& report) {
  Json event = event_at("finished", begin_);
  event["hit"] = report.hit;
  event["ran"] = report.ran;
  event["failed"] = report.failed;
  event["skipped"] = report.skipped;
  event["stopped"] = report.stopped;
  event["seconds"] = report.seconds;
  event["interrupted"] = report.interrupted;
  write(line_of(event));
}

}  // namespace espalier::run
