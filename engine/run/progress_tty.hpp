// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "core/disk.hpp"
#include "run/observer.hpp"

namespace espalier::run {

/// Columns of the terminal behind a file descriptor; 80 when it does not say.
ESPALIER_API int terminal_columns(int descriptor);
/// Whether the user allows colours (https://no-color.org).
ESPALIER_API bool colours_allowed();

/// `--progress tty`: a few lines at the bottom of the terminal that show the moment, redrawn ten times a second at
/// most; failures and warnings stay above them. Nothing is left of the lines at the end.
class ESPALIER_API ProgressTty final : public Observer {
 public:
  struct Setting {
    std::function<int()> columns;  ///< asked at every redraw, so that a resized window is no trouble
    bool colours = false;
    core::Path log_folder{};
  };
  ProgressTty(std::ostream& out, Setting setting);
  ~ProgressTty() override;

  void started(const RunStart& start) override;
  void node_started(int node) override;
  void node_progress(int node, double done, double total) override;
  void node_finished(int node, const Outcome& outcome) override;
  void warned(std::string_view text) override;
  void stopping() override;
  void tick() override;
  void finished(const RunReport& report) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Running {
    Clock::time_point since;
    double share = 0;  ///< done / total, 0 when the stage does not say
  };

  void erase();
  void draw();
  void say(std::string_view colour, std::string_view label, std::string_view text);
  std::string status_line() const;
  std::string running_line(int node, const Running& running) const;
  double seconds_left() const;
  const std::string& name_of(int node) const;

  std::ostream& out_;
  Setting setting_;
  const pipeline::Plan* plan_ = nullptr;
  Clock::time_point begin_ = Clock::now();
  double expected_ = 0;
  std::vector<double> node_seconds_;
  double work_left_ = 0;  // sum of node_seconds_ of what is not finished
  double work_total_ = 0;
  int to_run_ = 0;
  int done_ = 0;
  int failed_ = 0;
  std::map<int, Running> running_;
  std::vector<int> drawn_;  // columns of each line on the screen
};

}  // namespace espalier::run
