// SPDX-License-Identifier: Apache-2.0
// list, schema, new plugin: what the loaded plugins say about themselves.
#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"
#include "output_file.hpp"
#include "plugin/scaffold.hpp"
#include "plugin/schema.hpp"
#include "session.hpp"

namespace espalier::cli {
namespace {

struct Shelf {
  plugin::Registry registry;
  std::vector<plugin::Refused> refused;
  explicit Shelf(const Options& options)
      : refused(plugin::load_plugins(plugin::search_path(options.plugin_path), registry)) {}

  bool complain() const {
    bool named = false;
    for (const plugin::Refused& r : refused) {
      fmt::print(stderr, "{}: {}\n", r.named_explicitly ? "error" : "warning", r.why);
      named |= r.named_explicitly;
    }
    return named;
  }
};

std::string first_sentence(const std::string& doc) {
  const auto end = doc.find(". ");
  return end == std::string::npos ? doc : doc.substr(0, end);
}

void list_plugins(const Shelf& shelf) {
  for (const plugin::LoadedPlugin& p : shelf.registry.plugins()) {
    if (p.file.empty()) continue;
    fmt::print("loaded   {} {}  torch {}  {}\n         {}\n", p.name, p.version, p.torch, p.file.string(), p.doc);
  }
  for (const plugin::Refused& r : shelf.refused) fmt::print("refused  {}\n", r.why);
}

int describe(const Shelf& shelf, const std::string& name) {
  if (const StageSpec* stage = shelf.registry.find_stage(name)) {
    fmt::print("{}", plugin::describe_stage(*stage));
    return kOk;
  }
  std::vector<std::string> names;
  for (const StageSpec* s : shelf.registry.stages()) names.push_back(s->qualified());
  const bool family = std::any_of(names.begin(), names.end(), [&](const auto& n) { return n.starts_with(name + "."); });
  if (!family) {
    throw Error(Code::request, fmt::format("there is no stage '{}'{}", name, core::did_you_mean(name, names)),
                "see all stages with: espalier list");
  }
  for (const StageSpec* s : shelf.registry.stages()) {
    if (s->plugin == name) fmt::print("{}\n", plugin::describe_stage(*s));
  }
  return kOk;
}

void print_or_write(const Options& options, const std::string& text) {
  if (options.output.empty()) {
    fmt::print("{}", text);
  } else {
    write_output_file(options.output, text);
  }
}

}  // namespace

int list_command(const Options& options) {
  const Shelf shelf(options);
  if (options.list_plugins) {
    list_plugins(shelf);
    return std::any_of(shelf.refused.begin(), shelf.refused.end(), [](const auto& r) { return r.named_explicitly; })
               ? kBadRequest
               : kOk;
  }
  if (shelf.complain()) return kBadRequest;
  if (options.markdown) {
    fmt::print("{}", plugin::stage_reference(shelf.registry));
    return kOk;
  }
  if (!options.stage.empty()) return describe(shelf, options.stage);
  std::size_t width = 0;
  for (const StageSpec* s : shelf.registry.stages()) width = std::max(width, s->qualified().size());
  for (const StageSpec* s : shelf.registry.stages()) {
    fmt::print("{:<{}}  {}\n", s->qualified(), width, first_sentence(s->doc));
  }
  return kOk;
}

int schema_command(const Options& options) {
  const Shelf shelf(options);
  if (shelf.complain()) return kBadRequest;
  print_or_write(options, plugin::pipeline_schema(shelf.registry));
  return kOk;
}

int new_plugin_command(const Options& options) {
  const Shelf shelf(options);
  if (shelf.complain()) return kBadRequest;
  fmt::print("{}", plugin::scaffold_plugin(options.folder, shelf.registry));
  return kOk;
}

}  // namespace espalier::cli
