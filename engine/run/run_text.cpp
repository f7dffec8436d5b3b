// SPDX-License-Identifier: Apache-2.0
#include "run/run_text.hpp"

#include <map>

#include <fmt/format.h>

#include "core/text.hpp"
#include "run/file_name.hpp"

namespace espalier::run {
namespace {

std::string count_of(int count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

const std::string& name_of(const pipeline::Plan& plan, std::size_t node) {
  return plan.nodes()[node].name;
}

std::map<int, int> skipped_by_root(const RunReport& report) {
  std::map<int, int> counts;
  for (const auto& outcome : report.outcomes) {
    if (outcome && std::holds_alternative<Skipped>(*outcome)) ++counts[std::get<Skipped>(*outcome).because];
  }
  return counts;
}

std::string failure_text(const std::string& name, const Failed& failed, int skipped, const core::Path& log_folder) {
  std::string text = fmt::format("  {}: {}\n", name, failed.message);
  if (!failed.hint.empty()) text += fmt::format("    hint: {}\n", failed.hint);
  if (!log_folder.empty()) text += fmt::format("    log: {}\n", log_file(log_folder, name).string());
  if (skipped > 0) {
    text += fmt::format("    {} that {} it {} skipped\n", count_of(skipped, "node"), skipped == 1 ? "needs" : "need",
                        skipped == 1 ? "was" : "were");
  }
  return text;
}

std::string counts_text(const RunReport& report) {
  std::string text = fmt::format("{} up to date, {} ran", report.hit, report.ran);
  if (report.failed > 0) text += fmt::format(", {} failed", report.failed);
  if (report.skipped > 0) text += fmt::format(", {} skipped", report.skipped);
  if (report.stopped > 0) text += fmt::format(", {} not run", report.stopped);
  return text + fmt::format(" in {}", core::duration_text(report.seconds));
}

}  // namespace

std::string start_text(const RunStart& start) {
  std::string text =
      fmt::format("{}: {}, {} up to date, {}{} to run", start.plan->name(), count_of(start.hits + start.to_run, "node"),
                  start.hits, start.pending > 0 ? "up to " : "", start.to_run);
  if (start.expected_seconds > 0) text += fmt::format(" (about {})", core::duration_text(start.expected_seconds));
  return text + "\n";
}

std::string summary_text(const pipeline::Plan& plan, const RunReport& report, const core::Path& log_folder) {
  std::string text;
  const std::map<int, int> skipped = skipped_by_root(report);
  if (report.failed > 0) text += fmt::format("{} failed:\n", count_of(report.failed, "node"));
  for (std::size_t i = 0; i < report.outcomes.size(); ++i) {
    const auto& outcome = report.outcomes[i];
    if (!outcome || !std::holds_alternative<Failed>(*outcome)) continue;
    const auto found = skipped.find(static_cast<int>(i));
    text += failure_text(name_of(plan, i), std::get<Failed>(*outcome), found == skipped.end() ? 0 : found->second,
                         log_folder);
  }
  for (const auto& [node, rows] : report.verdict_errors) {
    text += fmt::format("{} of '{}' ended in an error\n", count_of(rows, "verdict"),
                        name_of(plan, static_cast<std::size_t>(node)));
  }
  text += fmt::format("{}{}: {}\n", report.interrupted ? "interrupted, what finished is stored; " : "", plan.name(),
                      counts_text(report));
  return text;
}

}  // namespace espalier::run
