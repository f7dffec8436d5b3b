// SPDX-License-Identifier: Apache-2.0
#include "plugin/registry.hpp"

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "core/text.hpp"
#include "plugin/core_stages.hpp"
#include "plugin/spec_check.hpp"
#include "plugin/spec_text.hpp"

namespace espalier::plugin {
namespace {

/// What one plugin brought. `code` is filled when a description from the cache is first needed to do something.
struct Entry {
  PluginSpec spec;
  std::mutex loading;
  std::optional<PluginSpec> code;
};

std::string source_of(const LoadedPlugin& plugin) {
  return plugin.file.empty() ? "the engine itself" : fmt::format("'{}'", plugin.file.string());
}

template <class T>
const T& named(const std::vector<T>& all, std::string_view name) {
  return *std::ranges::find(all, name, &T::name);
}

}  // namespace

struct Registry::State {
  // Deques: pointers into them stay good while more is added.
  std::deque<Entry> entries;
  std::vector<LoadedPlugin> plugins;  // parallel to entries
  std::map<std::string, std::pair<std::size_t, const StageSpec*>, std::less<>> stages;
  std::map<std::string, std::pair<std::size_t, const KindSpec*>, std::less<>> kinds;
  Materialise materialise;

  std::vector<std::string> collisions(const PluginSpec& spec, const LoadedPlugin& origin) const;
  void index(std::size_t plugin);
  const PluginSpec& code(std::size_t plugin);
  void load_kind_on_demand(KindSpec& kind, std::size_t plugin);
};

std::vector<std::string> Registry::State::collisions(const PluginSpec& spec, const LoadedPlugin& origin) const {
  std::vector<std::string> out;
  const auto clash = [&](const std::string& what, const std::string& name, const LoadedPlugin& owner) {
    out.push_back(fmt::format("{} '{}' of {} is already taken by {}; rename one of them or load only one", what, name,
                              source_of(origin), source_of(owner)));
  };
  for (const LoadedPlugin& other : plugins) {
    if (other.name == spec.name) clash("plugin name", spec.name, other);
  }
  for (const KindSpec& kind : spec.kinds) {
    if (const auto it = kinds.find(kind.name); it != kinds.end()) clash("kind", kind.name, plugins[it->second.first]);
  }
  return out;
}

void Registry::State::index(std::size_t plugin) {
  PluginSpec& spec = entries[plugin].spec;
  for (StageSpec& stage : spec.stages) stages.emplace(stage.qualified(), std::pair{plugin, &stage});
  for (KindSpec& kind : spec.kinds) {
    if (!kind.encode || !kind.decode) load_kind_on_demand(kind, plugin);
    kinds.emplace(kind.name, std::pair{plugin, &kind});
  }
}

void Registry::State::load_kind_on_demand(KindSpec& kind, std::size_t plugin) {
  kind.encode = [this, plugin, name = kind.name](const Artifact& a) {
    return named(code(plugin).kinds, name).encode(a);
  };
  kind.decode = [this, plugin, name = kind.name](const Fields& f) { return named(code(plugin).kinds, name).decode(f); };
}

const PluginSpec& Registry::State::code(std::size_t plugin) {
  Entry& entry = entries[plugin];
  const std::lock_guard lock(entry.loading);
  if (entry.code) return *entry.code;
  const LoadedPlugin& origin = plugins[plugin];
  PluginSpec loaded = materialise(origin);
  if (description_text(loaded) != description_text(entry.spec)) {
    throw Error(Code::damaged,
                fmt::format("plugin '{}' describes itself differently than before", origin.file.string()),
                "start the command again; if that does not help, its description depends on something it should not");
  }
  return entry.code.emplace(std::move(loaded));
}

Registry::Registry() : state_(std::make_unique<State>()) {
  const std::vector<std::string> faults = add(core_plugin(), LoadedPlugin{});
  if (!faults.empty()) throw Error(Code::internal, "the engine's own stages are wrong: " + core::join(faults, "; "));
}
Registry::~Registry() = default;
Registry::Registry(Registry&&) noexcept = default;
Registry& Registry::operator=(Registry&&) noexcept = default;

std::vector<std::string> Registry::add(PluginSpec spec, LoadedPlugin origin) {
  State& s = *state_;
  std::vector<std::string> faults = spec_faults(spec, [&](std::string_view kind) { return s.kinds.contains(kind); });
  for (std::string& clash : s.collisions(spec, origin)) faults.push_back(std::move(clash));
  const bool can_load = !origin.file.empty() && s.materialise;
  for (const StageSpec& stage : spec.stages) {
    if (!stage.run && !can_load) faults.push_back(fmt::format("stage '{}': has no body", stage.name));
  }
  if (!faults.empty()) return faults;
  origin.name = spec.name;
  origin.version = spec.version;
  origin.doc = spec.doc;
  s.plugins.push_back(std::move(origin));
  s.entries.emplace_back().spec = std::move(spec);
  s.index(s.entries.size() - 1);
  return {};
}

const StageSpec* Registry::find_stage(std::string_view qualified) const {
  const auto it = state_->stages.find(qualified);
  return it == state_->stages.end() ? nullptr : it->second.second;
}

const KindSpec* Registry::find_kind(std::string_view name) const {
  const auto it = state_->kinds.find(name);
  return it == state_->kinds.end() ? nullptr : it->second.second;
}

std::vector<const StageSpec*> Registry::stages() const {
  std::vector<const StageSpec*> out;
  for (const auto& [name, entry] : state_->stages) {
    if (entry.second->plugin != "core") out.push_back(entry.second);
  }
  return out;
}

std::vector<const KindSpec*> Registry::kinds() const {
  std::vector<const KindSpec*> out;
  for (const auto& [name, entry] : state_->kinds) out.push_back(entry.second);
  return out;
}

const std::vector<LoadedPlugin>& Registry::plugins() const {
  return state_->plugins;
}

const LoadedPlugin& Registry::origin(const StageSpec& stage) const {
  const auto it = state_->stages.find(stage.qualified());
  if (it == state_->stages.end()) throw Error(Code::internal, fmt::format("no stage '{}' here", stage.qualified()));
  return state_->plugins[it->second.first];
}

const std::function<void(const ParamValues&, Context&)>& Registry::body(const StageSpec& stage) const {
  if (stage.run) return stage.run;
  const auto it = state_->stages.find(stage.qualified());
  if (it == state_->stages.end()) throw Error(Code::internal, fmt::format("no stage '{}' here", stage.qualified()));
  return named(state_->code(it->second.first).stages, stage.name).run;
}

void Registry::on_demand(Materialise materialise) {
  state_->materialise = std::move(materialise);
}

}  // namespace espalier::plugin
