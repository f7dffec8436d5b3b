// SPDX-License-Identifier: Apache-2.0
// diff: two runs side by side: what went into each node, and what came out.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include <espalier/results.hpp>

#include "cache/explanation.hpp"
#include "core/text.hpp"
#include "session.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

using Lines = std::vector<std::string>;

std::string number_text(double value, double other) {
  const std::string brief = fmt::format("{:.6g}", value);
  return brief == fmt::format("{:.6g}", other) ? core::real_text(value) : brief;
}

/// NaN is the same as NaN here: nothing changed.
bool same_number(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

void compare_number(const std::string& name, double a, double b, Lines& out) {
  if (!same_number(a, b)) out.push_back(fmt::format("{}: {} -> {}", name, number_text(a, b), number_text(b, a)));
}

void compare(const Metrics& a, const Metrics& b, Lines& out) {
  for (const auto& [name, value] : a.values) {
    if (const auto other = b.values.find(name); other != b.values.end()) {
      compare_number(name, value, other->second, out);
    } else {
      out.push_back(fmt::format("{}: {:.6g} -> none", name, value));
    }
  }
  for (const auto& [name, value] : b.values) {
    if (!a.values.contains(name)) out.push_back(fmt::format("{}: none -> {:.6g}", name, value));
  }
  for (const auto& [name, values] : a.series) {
    const auto other = b.series.find(name);
    if (other == b.series.end() || std::ranges::equal(values, other->second, same_number)) continue;
    if (values.empty() || other->second.empty()) continue;
    const std::string length = values.size() == other->second.size()
                                   ? fmt::format("{}", values.size())
                                   : fmt::format("{} -> {}", values.size(), other->second.size());
    compare_number(fmt::format("{}, last of {}", name, length), values.back(), other->second.back(), out);
  }
}

void compare(const Verdicts& a, const Verdicts& b, Lines& out) {
  const auto before = a.counts();
  const auto after = b.counts();
  for (std::size_t v = 0; v < before.size(); ++v) {
    if (before[v] != after[v]) {
      out.push_back(fmt::format("{}: {} -> {}", to_text(static_cast<Verdict>(v)), before[v], after[v]));
    }
  }
}

/// Of what has numbers to compare; that a network has other weights goes without saying.
void compare_output(Workshop& workshop, const cache::OutputRef& then, const cache::OutputRef& now, Lines& out) {
  const auto load = [&](const cache::OutputRef& output) { return workshop.store.load(output.content, output.kind); };
  if (then.content == now.content || then.kind != now.kind) return;
  if (now.kind == Metrics::kKind) {
    compare(dynamic_cast<const Metrics&>(*load(then)), dynamic_cast<const Metrics&>(*load(now)), out);
  } else if (now.kind == Verdicts::kKind) {
    compare(dynamic_cast<const Verdicts&>(*load(then)), dynamic_cast<const Verdicts&>(*load(now)), out);
  } else if (now.kind == Attacks::kKind) {
    compare_number("robustness", dynamic_cast<const Attacks&>(*load(then)).robustness(),
                   dynamic_cast<const Attacks&>(*load(now)).robustness(), out);
  }
}

std::optional<cache::Action> action_of(Workshop& workshop, const std::string& key) {
  const auto digest = Digest::from_hex(key);
  return digest ? workshop.store.action(*digest) : std::nullopt;
}

/// What tells a node's results of two keys apart.
Lines compare_keys(Workshop& workshop, const std::string& key_then, const std::string& key_now) {
  const auto then = action_of(workshop, key_then);
  const auto now = action_of(workshop, key_now);
  if (!then || !now) {
    return {fmt::format("key {} -> {}; the record of the {} is no longer in the store", key_then.substr(0, 8),
                        key_now.substr(0, 8), then ? "second" : "first")};
  }
  Lines out;
  for (const cache::Reason& reason : cache::differences(then->ingredients, now->ingredients)) {
    if (reason.changed) out.push_back(reason.text);
  }
  bool same_result = true;
  for (const cache::OutputRef& output : now->outputs) {
    const auto same_port = [&](const cache::OutputRef& other) { return other.port == output.port; };
    const auto before = std::ranges::find_if(then->outputs, same_port);
    if (before == then->outputs.end()) continue;
    same_result = same_result && before->content == output.content;
    try {
      compare_output(workshop, *before, output, out);
    } catch (const Error& e) {
      out.push_back(fmt::format("output '{}' cannot be compared: {}", output.port, e.what()));
    }
  }
  if (same_result) out.emplace_back("the result is the same");
  return out;
}

std::set<std::string> names_of(const cache::RunRecord& a, const cache::RunRecord& b) {
  std::set<std::string> out;
  for (const cache::RunRecord* run : {&a, &b}) {
    for (const auto& [name, key] : run->keys) out.insert(name);
    for (const auto& [name, message] : run->failures) out.insert(name);
  }
  return out;
}

bool knows(const cache::RunRecord& run, const std::string& node) {
  return run.keys.contains(node) || run.failures.contains(node);
}

/// "fine", or why it failed: then its key is of an older result.
std::string state_of(const cache::RunRecord& run, const std::string& node) {
  const auto failed = run.failures.find(node);
  return failed == run.failures.end() ? "fine" : "failed: " + failed->second;
}

/// Needs: both runs know the node.
Lines compare_node(Workshop& workshop, const cache::RunRecord& a, const cache::RunRecord& b, const std::string& node) {
  const std::string then = state_of(a, node);
  const std::string now = state_of(b, node);
  if (then != now) return {fmt::format("{} -> {}", then, now)};
  if (then != "fine" || a.keys.at(node) == b.keys.at(node)) return {};
  return compare_keys(workshop, a.keys.at(node), b.keys.at(node));
}

void print_only_in(const std::string& run, const std::vector<std::string>& nodes) {
  if (!nodes.empty()) fmt::print("only in '{}': {}\n", run, core::quoted_list(nodes));
}

}  // namespace

int diff_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  const cache::RunRecord a = find_run(workshop, options.runs.at(0));
  const cache::RunRecord b = find_run(workshop, options.runs.at(1));
  const std::set<std::string> names = names_of(a, b);
  std::vector<std::string> only_a;
  std::vector<std::string> only_b;
  int different = 0;
  for (const std::string& name : names) {
    if (!knows(b, name)) only_a.push_back(name);
    if (!knows(a, name)) only_b.push_back(name);
    if (!knows(a, name) || !knows(b, name)) continue;
    const Lines lines = compare_node(workshop, a, b, name);
    if (lines.empty()) continue;
    ++different;
    fmt::print("{}\n", name);
    for (const std::string& line : lines) fmt::print("  {}\n", line);
  }
  print_only_in(a.id, only_a);
  print_only_in(b.id, only_b);
  fmt::print("{} of {} nodes that both runs have differ\n", different, names.size() - only_a.size() - only_b.size());
  return kOk;
}

}  // namespace espalier::cli
