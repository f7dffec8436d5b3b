// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <espalier/digest.hpp>
#include <espalier/error.hpp>

#include "pipeline/plan.hpp"

namespace espalier::run {

struct RunReport;

struct Hit {
  Digest key;
};
struct Ran {
  Digest key;
  double seconds = 0;
  double cpu_seconds = 0;
};
struct Failed {
  std::string message;
  std::string hint;
  Code code = Code::internal;
};
struct Skipped {
  int because = 0;  ///< the node whose failure is the root
};
struct Stopped {};
/// What became of a node. No exception leaves a node body.
using Outcome = std::variant<Hit, Ran, Failed, Skipped, Stopped>;

struct RunStart {
  const pipeline::Plan* plan = nullptr;
  int hits = 0;                        ///< nodes known to be up to date before anything runs
  int to_run = 0;                      ///< the rest: will run, or depends on what will run
  int pending = 0;                     ///< of these: what may turn out to be up to date, once what it depends on ran
  double expected_seconds = 0;         ///< of the whole run, from earlier runs; 0 when nothing is known
  std::vector<double> node_seconds{};  ///< per node, expected; 0 for hits and what is not known
};

/// Told what happens, in order, under one lock: implementations need none. Must not throw.
class ESPALIER_API Observer {
 public:
  virtual ~Observer() = default;
  virtual void started(const RunStart&) {}
  virtual void node_started(int /*node*/) {}
  virtual void node_progress(int /*node*/, double /*done*/, double /*total*/) {}
  virtual void node_logged(int /*node*/, std::string_view /*line*/) {}
  /// Once for each node of RunStart::to_run; nodes that were skipped or never reached had no `node_started`.
  virtual void node_finished(int /*node*/, const Outcome&) {}
  virtual void warned(std::string_view /*text*/) {}
  /// Once, soon after the run was asked to stop while nodes ran.
  virtual void stopping() {}
  /// About ten times a second while nodes run: the time to redraw a clock or to flush a buffer.
  virtual void tick() {}
  virtual void finished(const RunReport&) {}
};

}  // namespace espalier::run
