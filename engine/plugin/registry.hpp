// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/plugin.hpp>

namespace espalier::plugin {

/// A plugin that was accepted.
struct LoadedPlugin {
  std::string name;
  std::string version;
  std::string doc;
  std::filesystem::path file;  ///< empty for what is built into the engine
  std::string file_digest;     ///< hex SHA-256 of the library; empty for built-ins
  std::string torch = "none";  ///< LibTorch version from the mark, or "none"
};

/// Stages and kinds by name. Passed by reference, never global. Filled by one thread, then read by any.
class ESPALIER_API Registry {
 public:
  /// Knows the built-in kinds and the stages of `core` (core.split, core.join).
  Registry();
  ~Registry();
  Registry(Registry&&) noexcept;
  Registry& operator=(Registry&&) noexcept;

  /// Checks the specs as data and adds them. Returns every fault found; empty means it was added, else nothing was.
  std::vector<std::string> add(PluginSpec spec, LoadedPlugin origin);

  const StageSpec* find_stage(std::string_view qualified) const;
  const KindSpec* find_kind(std::string_view name) const;
  std::vector<const StageSpec*> stages() const;  ///< sorted by qualified name, without the stages of `core`
  std::vector<const KindSpec*> kinds() const;    ///< sorted by name
  const std::vector<LoadedPlugin>& plugins() const;
  const LoadedPlugin& origin(const StageSpec& stage) const;

  /// The stage's body, ready to call. A spec that came from the catalogue cache has none yet: its library is loaded
  /// now. Throws Error when that fails. [any thread]
  const std::function<void(const ParamValues&, Context&)>& body(const StageSpec& stage) const;

  /// How `body` gets the code of a plugin that so far is known by its cached description only. Set by the loader.
  using Materialise = std::function<PluginSpec(const LoadedPlugin&)>;
  void on_demand(Materialise materialise);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace espalier::plugin
