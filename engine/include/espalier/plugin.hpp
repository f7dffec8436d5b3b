// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstring>
#include <deque>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <espalier/stage.hpp>

namespace espalier::inline v1 {

/// What a plugin registered; the loader hands it to the registry.
struct PluginSpec {
  std::string name;
  std::string version;
  std::string doc;
  std::vector<StageSpec> stages;
  std::vector<KindSpec> kinds;
};

namespace detail {

template <class T>
struct ParamType;  // left undefined on purpose: "incomplete type" names the member type that is not supported
template <>
struct ParamType<bool> {
  using Stored = bool;
};
template <std::integral T>
requires(!std::same_as<T, bool>) struct ParamType<T> {
  using Stored = std::int64_t;
};
template <std::floating_point T>
struct ParamType<T> {
  using Stored = double;
};
template <>
struct ParamType<std::string> {
  using Stored = std::string;
};
template <>
struct ParamType<std::vector<std::int64_t>> {
  using Stored = std::vector<std::int64_t>;
};
template <>
struct ParamType<std::vector<double>> {
  using Stored = std::vector<double>;
};
template <>
struct ParamType<std::vector<std::string>> {
  using Stored = std::vector<std::string>;
};

template <class P>
using Setter = std::function<void(P&, const ParamValues&)>;

}  // namespace detail

/// Describes one stage. Every call returns the builder; `range`, `choices`, `required`, `file`, `execution` and
/// `neutral` refine the parameter that was named last, `labelled` and `optional` the input.
template <class P>
class StageBuilder {
 public:
  StageBuilder(StageSpec& spec, std::shared_ptr<std::vector<detail::Setter<P>>> setters)
      : spec_(&spec), setters_(std::move(setters)) {}

  StageBuilder& doc(std::string text) { return spec_->doc = std::move(text), *this; }
  StageBuilder& revision(std::int64_t n) { return spec_->revision = n, *this; }
  StageBuilder& lane(std::string name) { return spec_->lane = std::move(name), *this; }
  StageBuilder& repeatable(Repeatable r) { return spec_->repeatable = r, *this; }
  StageBuilder& uses_device() { return spec_->uses_device = true, *this; }
  StageBuilder& single_threaded() { return spec_->single_threaded = true, *this; }

  template <ArtifactType T>
  StageBuilder& input(std::string name, std::string doc) {
    return spec_->inputs.push_back({std::move(name), std::string(T::kKind), std::move(doc)}), *this;
  }
  template <ArtifactType T>
  StageBuilder& inputs(std::string name, std::string doc) {
    return spec_->inputs.push_back({std::move(name), std::string(T::kKind), std::move(doc), true}), *this;
  }
  StageBuilder& labelled() { return spec_->inputs.back().labelled = true, *this; }
  StageBuilder& optional() { return spec_->inputs.back().optional = true, *this; }
  template <ArtifactType T>
  StageBuilder& output(std::string name, std::string doc) {
    return spec_->outputs.push_back({std::move(name), std::string(T::kKind), std::move(doc)}), *this;
  }

  /// Binds a parameter to a member; type and default come from the struct.
  template <class M>
  StageBuilder& param(std::string name, M P::*member, std::string doc) {
    using Stored = typename detail::ParamType<M>::Stored;
    ParamSpec p;
    p.name = name;
    p.doc = std::move(doc);
    const P defaults{};
    p.fallback = Value(static_cast<Stored>(defaults.*member));
    p.member = reinterpret_cast<const char*>(&(defaults.*member)) - reinterpret_cast<const char*>(&defaults);
    p.type = p.fallback.type();
    spec_->params.push_back(std::move(p));
    setters_->push_back([name = std::move(name), member](P& params, const ParamValues& values) {
      params.*member = static_cast<M>(values.at(name).template as<Stored>());
    });
    return *this;
  }
  StageBuilder& range(double low, double high) { return last().min = low, last().max = high, *this; }
  StageBuilder& at_least(double low) { return last().min = low, *this; }
  StageBuilder& choices(std::vector<std::string> all) { return last().choices = std::move(all), *this; }
  StageBuilder& required() { return last().required = true, *this; }
  StageBuilder& file() { return last().file = true, *this; }
  StageBuilder& execution() { return last().execution = true, *this; }
  StageBuilder& neutral(Value value) { return last().neutral = std::move(value), *this; }

 private:
  ParamSpec& last() { return spec_->params.back(); }
  StageSpec* spec_;
  std::shared_ptr<std::vector<detail::Setter<P>>> setters_;
};

/// Collects what a plugin offers. Exists only while the plugin registers.
class PluginBuilder {
 public:
  PluginBuilder& name(std::string text) { return spec_.name = std::move(text), *this; }
  PluginBuilder& version(std::string text) { return spec_.version = std::move(text), *this; }
  PluginBuilder& doc(std::string text) { return spec_.doc = std::move(text), *this; }

  template <ArtifactType T>
  PluginBuilder& kind() {
    return spec_.kinds.push_back(kind_spec<T>()), *this;
  }

  /// Adds a stage that runs `body(const P&, Context&)`.
  template <class P>
  StageBuilder<P> stage(std::string name, void (*body)(const P&, Context&)) {
    auto setters = std::make_shared<std::vector<detail::Setter<P>>>();
    StageSpec& spec = stages_.emplace_back();
    spec.name = std::move(name);
    spec.run = [body, setters](const ParamValues& values, Context& ctx) {
      P params{};
      for (const auto& set : *setters) set(params, values);
      body(params, ctx);
    };
    return StageBuilder<P>(spec, setters);
  }

  /// Called by the loader after registration.
  PluginSpec take() {
    for (StageSpec& stage : stages_) {
      stage.plugin = spec_.name;
      spec_.stages.push_back(std::move(stage));
    }
    stages_.clear();
    return std::move(spec_);
  }

 private:
  PluginSpec spec_;
  std::deque<StageSpec> stages_;  // a deque: builders hold references while more stages are added
};

}  // namespace espalier::inline v1

#define ESPALIER_PLUGIN_SYMBOL "espalier_plugin_register"

/// Defines the plugin's entry point: ESPALIER_PLUGIN(plugin) { plugin.name("acme")...; plugin.stage("halve", halve)...;
/// }
#define ESPALIER_PLUGIN(builder)                                                                  \
  extern "C" {                                                                                    \
  ESPALIER_API extern const char espalier_plugin_abi[];                                           \
  ESPALIER_API const char* espalier_plugin_register(::espalier::PluginBuilder* target) noexcept;  \
  __attribute__((used)) const char espalier_plugin_abi[] = ESPALIER_ABI_MARK ESPALIER_ABI_FIELDS; \
  }                                                                                               \
  static void espalier_describe_plugin(::espalier::PluginBuilder& builder);                       \
  const char* espalier_plugin_register(::espalier::PluginBuilder* target) noexcept {              \
    static char failure[512];                                                                     \
    try {                                                                                         \
      espalier_describe_plugin(*target);                                                          \
      return nullptr;                                                                             \
    } catch (const std::exception& e) {                                                           \
      std::strncpy(failure, e.what(), sizeof failure - 1);                                        \
      return failure;                                                                             \
    } catch (...) {                                                                               \
      return "registration threw something that is not a std::exception";                         \
    }                                                                                             \
  }                                                                                               \
  static void espalier_describe_plugin(::espalier::PluginBuilder& builder)
