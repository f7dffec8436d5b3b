// SPDX-License-Identifier: Apache-2.0
// What is known before anything runs. Costs one key and one lookup a node, and stops below the first miss of a branch.
#include <algorithm>

#include <espalier/results.hpp>

#include "run/result.hpp"

namespace espalier::run {
namespace {

bool gives_verdicts(const StageSpec& stage) {
  return std::any_of(stage.outputs.begin(), stage.outputs.end(),
                     [](const PortSpec& port) { return port.kind == Verdicts::kKind; });
}

/// The outputs in the order of the stage's ports; nothing when the record is of another set of ports.
std::optional<std::vector<Digest>> in_port_order(const StageSpec& stage, const std::vector<cache::OutputRef>& found) {
  if (found.size() != stage.outputs.size()) return std::nullopt;
  std::vector<Digest> contents;
  for (const PortSpec& port : stage.outputs) {
    const auto output = std::find_if(found.begin(), found.end(), [&](const auto& o) { return o.port == port.name; });
    if (output == found.end() || output->kind != port.kind) return std::nullopt;
    contents.push_back(output->content);
  }
  return contents;
}

void resolve_node(const pipeline::Plan& plan, int node, const plugin::Registry& registry, cache::Store& store,
                  const cache::Surroundings& surroundings, const RunOptions& options, Resolution& result) {
  const auto i = static_cast<std::size_t>(node);
  try {
    cache::Ingredients ingredients = cache::ingredients_of(plan, node, registry, result.contents, surroundings);
    const Digest key = cache::key_of(ingredients);
    result.keys[i] = key;
    if (auto contents = find_result(plan, node, key, store, options)) {
      result.contents[i] = std::move(*contents);
      result.state[i] = Known::hit;
      return;
    }
    result.ingredients[i] = std::move(ingredients);
  } catch (const Error& error) {
    result.problems.emplace(node, error);
  }
  result.state[i] = Known::will_run;
}

}  // namespace

bool is_forced(const RunOptions& options, int node) {
  const auto i = static_cast<std::size_t>(node);
  return i < options.force.size() && options.force[i];
}

std::optional<std::vector<Digest>> find_result(const pipeline::Plan& plan, int node, const Digest& key,
                                               cache::Store& store, const RunOptions& options) {
  if (is_forced(options, node)) return std::nullopt;
  const StageSpec& stage = *plan.nodes()[static_cast<std::size_t>(node)].stage;
  const auto found = store.lookup(key);
  if (!found) return std::nullopt;
  if ((options.retry_timeout || options.retry_failed) && gives_verdicts(stage)) {
    const auto action = store.action(key);
    if (!action || (options.retry_timeout && action->retry_on_timeout)) return std::nullopt;
    if (options.retry_failed && action->retry_on_error) return std::nullopt;
  }
  return in_port_order(stage, *found);
}

Resolution resolve(const pipeline::Plan& plan, const plugin::Registry& registry, cache::Store& store,
                   const cache::Surroundings& surroundings, const RunOptions& options) {
  const std::size_t count = plan.nodes().size();
  Resolution result{.state = std::vector<Known>(count, Known::pending),
                    .keys = std::vector<std::optional<Digest>>(count),
                    .ingredients = std::vector<std::optional<cache::Ingredients>>(count),
                    .contents = std::vector<std::vector<Digest>>(count)};
  for (int node = 0; node < static_cast<int>(count); ++node) {
    const auto& before = plan.predecessors(node);
    const bool known = std::all_of(before.begin(), before.end(),
                                   [&](int p) { return result.state[static_cast<std::size_t>(p)] == Known::hit; });
    if (known) resolve_node(plan, node, registry, store, surroundings, options, result);
  }
  return result;
}

}  // namespace espalier::run
