// SPDX-License-Identifier: Apache-2.0
#include "cache/fingerprint.hpp"

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::cache {
namespace {

using pipeline::PlanNode;
using Files = std::map<std::string, std::string>;

/// Part of every key. A new recipe gets a new name, so that keys of two recipes never meet.
constexpr std::string_view kRecipe = "espalier-key-1";

void hash_map(Hasher& hasher, std::string_view what, const std::map<std::string, std::string>& entries) {
  hasher.field(what).field(static_cast<std::int64_t>(entries.size()));
  for (const auto& [name, value] : entries) hasher.field(name).field(value);
}

std::string typed_text(const PlanNode& node, const std::string& name, const Value& value) {
  try {
    return fmt::format("{} {}", to_text(value.type()), value.text());
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("parameter '{}' of '{}': {}", name, node.name, error.what()), error.hint());
  }
}

/// No path, no file: a file parameter may be left empty.
std::string file_content(const std::string& parameter, const std::string& path, const Surroundings& surroundings) {
  try {
    return path.empty() ? std::string() : surroundings.file_digest(path).hex();
  } catch (const Error& error) {
    throw Error(error.code(), fmt::format("parameter '{}': {}", parameter, error.what()), error.hint());
  }
}

void add_files(const std::string& name, const Value& value, const Surroundings& surroundings, Files& files) {
  if (value.type() == ValueType::text) {
    files.emplace(name, file_content(name, value.as<std::string>(), surroundings));
    return;
  }
  int position = 0;
  for (const std::string& path : value.as<std::vector<std::string>>()) {
    const std::string item = fmt::format("{}[{}]", name, position++);
    files.emplace(item, file_content(item, path, surroundings));
  }
}

void add_params(const PlanNode& node, const Surroundings& surroundings, Ingredients& out) {
  for (const ParamSpec& spec : node.stage->params) {
    const auto entry = node.params.find(spec.name);
    if (entry == node.params.end()) {
      throw Error(Code::internal, fmt::format("'{}' has no value for parameter '{}'", node.name, spec.name));
    }
    const Value& value = entry->second;
    if (spec.execution || (spec.neutral && *spec.neutral == value)) continue;
    if (spec.file) {
      add_files(spec.name, value, surroundings, out.files);
    } else {
      out.params.emplace(spec.name, typed_text(node, spec.name, value));
    }
  }
}

/// "net=net1,set=set2". A plan refuses axis values with ',' or '=', so two different label maps never read alike.
std::string label_text(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& [axis, value] : labels) {
    if (!out.empty()) out += ',';
    out.append(axis).append("=").append(value);
  }
  return out;
}

void add_inputs(const PlanNode& node, const std::vector<std::vector<Digest>>& contents, Ingredients& out) {
  for (std::size_t i = 0; i < node.stage->inputs.size(); ++i) {
    const PortSpec& port = node.stage->inputs[i];
    const std::vector<pipeline::Source>& sources = node.inputs[i];
    if (port.optional && sources.empty()) continue;  // a new optional port leaves old keys as they were
    std::vector<Ingredients::Input>& list = out.inputs[port.name];
    list.reserve(sources.size());
    for (const pipeline::Source& source : sources) {
      const auto producer = static_cast<std::size_t>(source.node);
      const Digest& content = contents.at(producer).at(static_cast<std::size_t>(source.output));
      list.push_back({.label = port.labelled ? label_text(source.labels) : std::string(), .content = content.hex()});
    }
  }
}

/// "cuda:1" and "cuda:0" are the same kind of device; which one a node got says nothing about its result.
std::string device_kind(const std::string& device) {
  return device.substr(0, device.find(':'));
}

void add_machine(const PlanNode& node, const plugin::Registry& registry, const Surroundings& surroundings,
                 Ingredients& out) {
  const StageSpec& stage = *node.stage;
  if (stage.repeatable == Repeatable::exactly) return;
  const auto [threads, device] = surroundings.lane(node);
  if (stage.repeatable == Repeatable::same_machine) {
    out.machine = surroundings.machine;
    const std::string& torch = registry.origin(stage).torch;
    if (!torch.empty() && torch != "none") {
      out.machine.insert_or_assign("torch", torch);
      if (surroundings.blas) out.machine.insert_or_assign("blas", surroundings.blas());
    }
    if (stage.uses_device) out.machine.insert_or_assign("device", device_kind(device));
  }
  if (!stage.single_threaded) out.machine.insert_or_assign("threads", std::to_string(threads));
}

}  // namespace

Digest key_of(const Ingredients& ingredients) {
  Hasher hasher;
  hasher.field(kRecipe);
  hasher.field("stage").field(ingredients.stage);
  hasher.field("revision").field(ingredients.revision);
  hasher.field("binary").field(ingredients.binary);
  hash_map(hasher, "params", ingredients.params);
  hasher.field("inputs").field(static_cast<std::int64_t>(ingredients.inputs.size()));
  for (const auto& [port, list] : ingredients.inputs) {
    hasher.field(port).field(static_cast<std::int64_t>(list.size()));
    for (const Ingredients::Input& input : list) hasher.field(input.label).field(input.content);
  }
  hash_map(hasher, "files", ingredients.files);
  hash_map(hasher, "machine", ingredients.machine);
  return hasher.finish();
}

Ingredients ingredients_of(const pipeline::Plan& plan, int node, const plugin::Registry& registry,
                           const std::vector<std::vector<Digest>>& contents, const Surroundings& surroundings) {
  const PlanNode& subject = plan.nodes().at(static_cast<std::size_t>(node));
  Ingredients out;
  out.stage = subject.stage->qualified();
  out.revision = subject.stage->revision;
  add_params(subject, surroundings, out);
  add_inputs(subject, contents, out);
  add_machine(subject, registry, surroundings, out);
  if (surroundings.trust_binary) out.binary = registry.origin(*subject.stage).file_digest;
  return out;
}

}  // namespace espalier::cache
