// SPDX-License-Identifier: Apache-2.0
#include "run/progress_plain.hpp"

#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "run/run_text.hpp"

namespace espalier::run {

ProgressPlain::ProgressPlain(std::ostream& out, core::Path log_folder)
    : out_(out), log_folder_(std::move(log_folder)) {}

void ProgressPlain::started(const RunStart& start) {
  plan_ = start.plan;
  to_run_ = start.to_run;
  out_ << start_text(start) << std::flush;
}

void ProgressPlain::node_logged(int node, std::string_view line) {
  out_ << name_of(node) << ": " << line << '\n' << std::flush;
}

/// Hits, skips and nodes never reached are only counted: at the end, not one by one.
void ProgressPlain::node_finished(int node, const Outcome& outcome) {
  ++done_;
  const std::string place = fmt::format("[{:>{}}/{}]", done_, std::to_string(to_run_).size(), to_run_);
  if (const Ran* ran = std::get_if<Ran>(&outcome)) {
    out_ << fmt::format("{} {}  {} (cpu {})\n", place, name_of(node), core::duration_text(ran->seconds),
                        core::duration_text(ran->cpu_seconds));
  } else if (const Failed* failed = std::get_if<Failed>(&outcome)) {
    out_ << fmt::format("{} FAILED {}: {}\n", place, name_of(node), failed->message);
  }
  out_ << std::flush;
}

void ProgressPlain::warned(std::string_view text) {
  out_ << "warning: " << text << '\n' << std::flush;
}

void ProgressPlain::stopping() {
  out_ << "interrupted: " << kStopping << '\n' << std::flush;
}

void ProgressPlain::finished(const RunReport& report) {
  out_ << summary_text(*plan_, report, log_folder_) << std::flush;
}

const std::string& ProgressPlain::name_of(int node) const {
  return plan_->nodes()[static_cast<std::size_t>(node)].name;
}

}  // namespace espalier::run
