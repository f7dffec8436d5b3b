// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <dlfcn.h>

#include <espalier/plugin.hpp>

namespace espalier::testing {

/// A plugin's description, straight from its library in the build folder. Kept loaded until exit.
inline const PluginSpec& plugin_in_tree(const std::string& name) {
  static std::map<std::string, PluginSpec> loaded;
  if (auto it = loaded.find(name); it != loaded.end()) return it->second;
  const std::string file = std::string(ESPALIER_PLUGIN_OUTPUT_DIR) + "/" + name + ".so";
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  auto* enter = reinterpret_cast<const char* (*)(PluginBuilder*)>(dlsym(library, ESPALIER_PLUGIN_SYMBOL));
  PluginBuilder builder;
  if (const char* failure = enter(&builder)) throw std::runtime_error(failure);
  return loaded[name] = builder.take();
}

/// Runs one stage of a plugin with given inputs and parameters, without engine, store or pipeline.
class StageBench final : public Context {
 public:
  explicit StageBench(const std::string& qualified) {
    const auto dot = qualified.find('.');
    for (const StageSpec& s : plugin_in_tree(qualified.substr(0, dot)).stages) {
      if (s.name == qualified.substr(dot + 1)) stage_ = &s;
    }
    if (stage_ == nullptr) throw std::runtime_error("no stage " + qualified);
    for (const ParamSpec& p : stage_->params) {
      if (!p.required) params_.insert_or_assign(p.name, p.fallback);
    }
  }

  const StageSpec& stage() const { return *stage_; }
  StageBench& set(const std::string& name, Value value) {
    return params_.insert_or_assign(name, std::move(value)), *this;
  }
  template <ArtifactType T>
  StageBench& give(const std::string& port, T artifact, std::map<std::string, std::string> labels = {}) {
    inputs_[port].push_back({std::make_shared<const T>(std::move(artifact)), std::move(labels)});
    return *this;
  }
  StageBench& run() {
    stage_->run(params_, *this);
    for (const PortSpec& port : stage_->outputs) {
      if (!outputs_.contains(port.name)) throw std::runtime_error("output '" + port.name + "' was not set");
    }
    return *this;
  }
  template <ArtifactType T>
  const T& result(const std::string& port) const {
    return dynamic_cast<const T&>(*outputs_.at(port));
  }
  /// For kinds that only their plugin knows.
  ArtifactPtr output(const std::string& port) const { return outputs_.at(port); }
  StageBench& give(const std::string& port, ArtifactPtr artifact, std::map<std::string, std::string> labels = {}) {
    inputs_[port].push_back({std::move(artifact), std::move(labels)});
    return *this;
  }
  const std::vector<std::string>& logged() const { return log_; }
  void request_stop() { stop_.request_stop(); }  ///< [any thread]
  StageBench& use_threads(int count) { return threads_ = count, *this; }
  StageBench& scratch_in(std::filesystem::path folder) { return scratch_ = std::move(folder), *this; }
  StageBench& lie_in(std::filesystem::path folder) { return folder_ = std::move(folder), *this; }

  const std::vector<Gathered>& all(std::string_view port) override { return inputs_[std::string(port)]; }
  int threads() const override { return threads_; }
  std::string_view device() const override { return "cpu"; }
  bool stop_requested() const override { return stop_.stop_requested(); }
  void log(std::string_view line) override { log_.emplace_back(line); }
  void progress(double, double) override {}
  const std::filesystem::path& scratch() override { return scratch_; }
  const std::filesystem::path& folder() const override { return folder_; }

 private:
  const Artifact& input(std::string_view port, std::string_view) override {
    return *inputs_.at(std::string(port)).at(0).artifact;
  }
  const Artifact* optional_input(std::string_view port, std::string_view) override {
    const auto it = inputs_.find(std::string(port));
    return it == inputs_.end() || it->second.empty() ? nullptr : it->second[0].artifact.get();
  }
  void set_output(std::string_view port, ArtifactPtr artifact) override {
    outputs_[std::string(port)] = std::move(artifact);
  }

  const StageSpec* stage_ = nullptr;
  ParamValues params_;
  std::map<std::string, std::vector<Gathered>> inputs_;
  std::map<std::string, ArtifactPtr> outputs_;
  std::vector<std::string> log_;
  std::stop_source stop_;
  int threads_ = 1;
  std::filesystem::path scratch_ = std::filesystem::temp_directory_path();
  std::filesystem::path folder_ = std::filesystem::current_path();
};

}  // namespace espalier::testing
