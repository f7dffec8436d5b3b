// SPDX-License-Identifier: Apache-2.0
#include "run/progress_tty.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <sys/ioctl.h>

#include "core/text.hpp"
#include "run/run_text.hpp"

namespace espalier::run {
namespace {

constexpr std::size_t kRunningLines = 6;
/// Room at the end of a line for the ^C of a terminal: a line that it wraps would not go with the next redraw. And a
/// full line would wrap on some terminals.
constexpr int kEcho = 3;
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kYellow = "\x1b[33m";
constexpr std::string_view kPlain = "\x1b[0m";

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;  // not a continuation byte of UTF-8
}

int width_of(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), begins_character));
}

/// At most `columns` characters; what is cut is marked.
std::string cropped(const std::string& text, int columns) {
  if (width_of(text) <= columns) return text;
  std::string result;
  int used = 0;
  for (const char byte : text) {
    if (begins_character(byte) && ++used >= columns) break;
    result += byte;
  }
  return result + "~";
}

/// Whole seconds: a clock that shows hundredths would only flicker.
std::string clock_text(double seconds) {
  const double whole = std::floor(seconds);
  return whole < 60 ? fmt::format("{:.0f} s", whole) : core::duration_text(whole);
}

}  // namespace

int terminal_columns(int descriptor) {
  winsize size{};
  if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool colours_allowed() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

ProgressTty::ProgressTty(std::ostream& out, Setting setting) : out_(out), setting_(std::move(setting)) {}

ProgressTty::~ProgressTty() {
  erase();
  out_ << std::flush;
}

void ProgressTty::started(const RunStart& start) {
  plan_ = start.plan;
  begin_ = Clock::now();
  expected_ = start.expected_seconds;
  node_seconds_ = start.node_seconds;
  to_run_ = start.to_run;
  for (const double seconds : node_seconds_) work_total_ += seconds;
  work_left_ = work_total_;
  out_ << start_text(start) << std::flush;
}

void ProgressTty::node_started(int node) {
  running_[node] = {.since = Clock::now()};
}

void ProgressTty::node_progress(int node, double done, double total) {
  const auto running = running_.find(node);  // a node that is made again in passing was never announced
  const double share = done / total;
  if (running != running_.end() && share >= 0 && share <= 1) running->second.share = share;
}

void ProgressTty::node_finished(int node, const Outcome& outcome) {
  running_.erase(node);
  ++done_;
  work_left_ -= node_seconds_[static_cast<std::size_t>(node)];
  const Failed* failed = std::get_if<Failed>(&outcome);
  if (failed == nullptr) return;
  ++failed_;
  say(kRed, "failed", fmt::format("{}: {}", name_of(node), failed->message));
}

void ProgressTty::warned(std::string_view text) {
  say(kYellow, "warning", text);
}

void ProgressTty::stopping() {
  say(kYellow, "interrupted", kStopping);
}

void ProgressTty::tick() {
  erase();
  draw();
  out_ << std::flush;
}

void ProgressTty::finished(const RunReport& report) {
  erase();
  out_ << summary_text(*plan_, report, setting_.log_folder) << std::flush;
}

/// A line that stays; the lines of the moment come back below it with the next tick.
void ProgressTty::say(std::string_view colour, std::string_view label, std::string_view text) {
  erase();
  if (setting_.colours) {
    out_ << fmt::format("{}{}:{} {}\n", colour, label, kPlain, text);
  } else {
    out_ << fmt::format("{}: {}\n", label, text);
  }
  out_ << std::flush;
}

/// The cursor rests at the end of the last line. In a window that became narrower a line takes several rows.
void ProgressTty::erase() {
  if (drawn_.empty()) return;
  const int columns = std::max(1, setting_.columns());
  int rows = 0;
  for (const int width : drawn_) rows += std::max(1, (width + columns - 1) / columns);
  out_ << '\r';
  if (rows > 1) out_ << fmt::format("\x1b[{}A", rows - 1);
  out_ << "\x1b[J";
  drawn_.clear();
}

void ProgressTty::draw() {
  std::vector<std::string> lines{status_line()};
  for (const auto& [node, running] : running_) {
    if (lines.size() > kRunningLines) break;
    lines.push_back(running_line(node, running));
  }
  const int columns = setting_.columns() - kEcho;
  for (const std::string& line : lines) {
    const std::string shown = cropped(line, columns);
    out_ << (drawn_.empty() ? "" : "\n") << shown;
    drawn_.push_back(width_of(shown));
  }
}

std::string ProgressTty::status_line() const {
  std::string line = fmt::format("[{}/{}] {} running", done_, to_run_, running_.size());
  if (failed_ > 0) line += fmt::format(", {} failed", failed_);
  line += ", " + clock_text(seconds_since(begin_));
  const double left = seconds_left();
  if (left >= 1) line += fmt::format(", about {} left", clock_text(left));
  return line;
}

std::string ProgressTty::running_line(int node, const Running& running) const {
  const std::string clock = clock_text(seconds_since(running.since));
  if (running.share == 0) return fmt::format("  {}  {}", name_of(node), clock);
  return fmt::format("  {:>3.0f}% {}  {}", 100 * running.share, name_of(node), clock);
}

/// The expected time, less the share of the work that is done. 0: not known.
double ProgressTty::seconds_left() const {
  if (!(work_total_ > 0)) return 0;
  double left = work_left_;
  for (const auto& [node, running] : running_) {
    const double expected = node_seconds_[static_cast<std::size_t>(node)];
    const double spent = running.share > 0 ? running.share * expected : seconds_since(running.since);
    left -= std::min(spent, expected);
  }
  return std::max(0.0, expected_ * left / work_total_);
}

const std::string& ProgressTty::name_of(int node) const {
  return plan_->nodes()[static_cast<std::size_t>(node)].name;
}

}  // namespace espalier::run
