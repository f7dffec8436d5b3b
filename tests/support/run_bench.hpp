// SPDX-License-Identifier: Apache-2.0
// A whole run in memory: pipeline text in, outcomes out. For tests of what runs, when, and what becomes of it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/store.hpp"
#include "pipeline/document.hpp"
#include "pipeline/plan.hpp"
#include "run/scheduler.hpp"
#include "support/fake_stages.hpp"
#include "support/memory_disk.hpp"

namespace espalier::testing {

/// Notes what it is told; no lock, because there must be no need for one.
class Recorder : public run::Observer {
 public:
  void started(const run::RunStart& start) override { starts.push_back(start); }
  void node_started(int node) override { ran.push_back(node); }
  void node_progress(int, double done, double total) override { progress.emplace_back(done, total); }
  void node_logged(int, std::string_view line) override { lines.emplace_back(line); }
  void node_finished(int node, const run::Outcome& outcome) override {
    if (!outcomes.emplace(node, outcome).second) throw std::logic_error("a node finished twice");
  }
  void warned(std::string_view text) override { warnings.emplace_back(text); }
  void finished(const run::RunReport&) override { ++ends; }

  std::vector<run::RunStart> starts;
  std::vector<int> ran;
  std::vector<std::pair<double, double>> progress;
  std::vector<std::string> lines;
  std::map<int, run::Outcome> outcomes;
  std::vector<std::string> warnings;
  int ends = 0;
};

using Body = std::function<void(const ParamValues&, Context&)>;
using Names = std::vector<std::string>;

/// What follows below a node `a` so that it becomes a diamond:
///   a -- b -- d
///    \-- c --/
inline std::string diamond_below(const std::string& a) {
  return a + R"(
[fake.add.b]
in = "a"
by = 1
[fake.add.c]
in = "a"
by = 2
[fake.sum.d]
in = ["b", "c"]
)";
}

/// Registry, store on a disk in memory, machine settings and one pipeline.
class RunBench {
 public:
  explicit RunBench(const std::string& pipeline) {
    lanes.by_name["cpu"] = {.name = "cpu"};
    surroundings.lane = [this](const pipeline::PlanNode& node) {
      const run::Seat seat = run::seat_of(lanes.of(node), 0);
      return std::pair(seat.threads, seat.device);
    };
    surroundings.file_digest = [this](const std::string& path) {
      const auto bytes = disk.read(path);
      if (!bytes) throw Error(Code::missing, "there is no file '" + path + "'", "make it");
      return digest_of(*bytes);
    };
    add(fake_plugin());
    text_ = pipeline;
  }

  /// Another plugin: stages that only one test needs.
  RunBench& add(PluginSpec spec, const std::map<std::string, Body>& bodies = {}) {
    for (StageSpec& stage : spec.stages) {
      if (const auto body = bodies.find(stage.name); body != bodies.end()) stage.run = body->second;
    }
    for (const std::string& fault : registry.add(std::move(spec), {})) throw std::runtime_error(fault);
    return *this;
  }
  RunBench& tokens(int count) {
    lanes.by_name["cpu"].tokens = count;
    return *this;
  }
  void set_text(const std::string& pipeline) {
    text_ = pipeline;
    plan_.reset();
  }

  const pipeline::Plan& plan() {
    if (plan_) return *plan_;
    Diagnostics findings;
    const auto document = pipeline::Document::parse("test.toml", text_, findings);
    plan_ = pipeline::Plan::build(document, registry, findings);
    if (!plan_) throw std::runtime_error(findings.render(text_));
    return *plan_;
  }
  int node(const std::string& name) { return plan().find(name).value(); }
  const std::string& name(int index) { return plan().nodes()[static_cast<std::size_t>(index)].name; }

  run::Resolution resolve() { return run::resolve(plan(), registry, store, surroundings, options); }
  /// Resolves and runs. `told` holds what observers heard of this run.
  const run::RunReport& run() {
    told = Recorder();
    report = run::execute(plan(), registry, store, surroundings, lanes, options, resolve(), told, stop.get_token());
    return report;
  }

  /// Names of the nodes that did their work in the last run, sorted.
  Names executed() {
    Names names;
    for (std::size_t i = 0; i < report.outcomes.size(); ++i) {
      if (std::holds_alternative<run::Ran>(*report.outcomes[i])) names.push_back(plan().nodes()[i].name);
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  template <class T>
  const T& outcome(const std::string& of) {
    return std::get<T>(*report.outcomes[static_cast<std::size_t>(node(of))]);
  }
  template <class T>
  bool became(const std::string& of) {
    return std::holds_alternative<T>(*report.outcomes[static_cast<std::size_t>(node(of))]);
  }
  Digest content(const std::string& of, std::size_t output = 0) {
    return report.contents[static_cast<std::size_t>(node(of))].at(output);
  }
  double value(const std::string& of, std::size_t output = 0) {
    return static_cast<const Num&>(*store.load(content(of, output), "Num")).value;
  }

  MemoryDisk disk;
  plugin::Registry registry;
  cache::Store store{disk, "store", registry};
  cache::Surroundings surroundings;
  run::Lanes lanes;
  run::RunOptions options;
  std::stop_source stop;
  Recorder told;
  run::RunReport report;

 private:
  std::string text_;
  std::optional<pipeline::Plan> plan_;
};

}  // namespace espalier::testing
