// SPDX-License-Identifier: Apache-2.0
// show: one artifact for people.
#include <algorithm>

#include <fmt/format.h>

#include <espalier/results.hpp>

#include "core/text.hpp"
#include "node_names.hpp"
#include "session.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

struct Found {
  std::string node;  ///< none when it was found by its digest
  Digest content;
  std::string kind;
};

/// Whether `wanted` is a node's name, whole or short, with its axes or without, with ".port" or not.
bool names_output(const std::string& wanted, const std::string& name, const std::string& port) {
  return std::ranges::any_of(names_of(name),
                             [&](const std::string& known) { return wanted == known || wanted == known + "." + port; });
}

/// A result that is there, but whose record is not, is made again, as the message says; what gc took is none.
void require_record(Workshop& workshop, const std::string& wanted, const std::string& name, const Digest& key) {
  const auto outputs = workshop.store.lookup(key);
  if (!outputs) return;
  const bool is_wanted = std::ranges::any_of(
      *outputs, [&](const cache::OutputRef& output) { return names_output(wanted, name, output.port); });
  if (!is_wanted) return;
  workshop.store.forget(key);
  throw Error(Code::damaged, fmt::format("the record of '{}' (key {}) is damaged or gone", name, key.brief()),
              "run the pipeline again: the node runs again");
}

/// The outputs of nodes that `wanted` names, in the newest run that knows one.
std::vector<Found> outputs_of_node(Workshop& workshop, const std::string& wanted) {
  auto ids = workshop.runs.ids();
  std::reverse(ids.begin(), ids.end());
  for (const std::string& id : ids) {
    const auto record = workshop.runs.read(id);
    if (!record) continue;
    std::vector<Found> found;
    for (const auto& [name, key] : record->keys) {
      const auto digest = Digest::from_hex(key);
      if (!digest) continue;
      const auto action = workshop.store.action(*digest);
      if (!action) {
        require_record(workshop, wanted, name, *digest);
        continue;
      }
      for (const auto& output : action->outputs) {
        if (names_output(wanted, name, output.port)) found.push_back({name, output.content, output.kind});
      }
    }
    if (!found.empty()) return found;
  }
  return {};
}

std::vector<Found> outputs_by_digest(Workshop& workshop, const std::string& prefix) {
  std::vector<Found> found;
  for (const auto& entry : workshop.store.list()) {
    if (entry.content.hex().starts_with(prefix)) found.push_back({{}, entry.content, entry.kind});
  }
  return found;
}

std::string field_text(const Field& field) {
  return std::visit(Overloaded{
                        [](std::int64_t v) { return std::to_string(v); },
                        [](double v) { return core::real_text(v); },
                        [](const std::string& v) {
                          return v.size() <= 100 ? v : fmt::format("{}... ({} characters)", v.substr(0, 100), v.size());
                        },
                        [](const std::vector<std::string>& v) { return core::quoted_list(v); },
                        [](const Tensor& t) {
                          std::string text = fmt::format("{} {}", to_text(t.dtype()), to_text(t.shape()));
                          if (t.size() == 0 || t.size() > 16) return text;
                          for (const double v : t.to_doubles()) text += fmt::format(" {:g}", v);
                          return text;
                        },
                    },
                    field);
}

/// Moves it aside when it is damaged, so that the next run makes it again, as the message says.
ArtifactPtr load(Workshop& workshop, const Found& found) {
  try {
    return workshop.store.load(found.content, found.kind);
  } catch (const Error& error) {
    if (error.code() == Code::damaged) workshop.store.discard(found.content);
    throw;
  }
}

void show(Workshop& workshop, const Found& found) {
  const ArtifactPtr artifact = load(workshop, found);
  fmt::print("{} {}\nfile {}\n", found.kind, found.content.hex(), workshop.store.object_path(found.content).string());
  if (const auto* verdicts = dynamic_cast<const Verdicts*>(artifact.get())) {
    const auto counts = verdicts->counts();
    for (int v = 0; v < kVerdictCount; ++v) {
      fmt::print("{:<15} {}\n", to_text(static_cast<Verdict>(v)), counts[static_cast<std::size_t>(v)]);
    }
  }
  if (const auto* attacks = dynamic_cast<const Attacks*>(artifact.get())) {
    fmt::print("{:<15} {:.4f}\n", "robustness", attacks->robustness());
  }
  const KindSpec* kind = workshop.registry.find_kind(found.kind);
  const Fields fields = kind->encode(*artifact);
  for (const auto& [name, field] : fields.all()) fmt::print("{:<28} {}\n", name, field_text(field));
}

[[noreturn]] void throw_unknown(Workshop& workshop, const std::string& wanted) {
  std::vector<std::string> names;
  for (const std::string& id : workshop.runs.ids()) {
    const auto record = workshop.runs.read(id);
    if (!record) continue;
    for (const auto& [name, key] : record->keys) {
      const auto known = names_of(name);
      names.insert(names.end(), known.begin(), known.end());
    }
  }
  throw Error(Code::request,
              fmt::format("'{}' is neither a node of a run in '{}' nor the beginning of an artifact's digest{}", wanted,
                          workshop.store.root().string(), core::did_you_mean(wanted, names)),
              "see nodes with: espalier runs RUN, and artifacts with: espalier store ls (both take --store)");
}

/// One of several nodes that differ in their axes must be named.
void require_one_node(const std::vector<Found>& found, const std::string& wanted) {
  std::vector<std::string> nodes;
  for (const Found& f : found) {
    if (nodes.empty() || nodes.back() != f.node) nodes.push_back(f.node);
  }
  if (nodes.size() < 2) return;
  for (const std::string& node : nodes) fmt::print("{}\n", node);
  throw Error(Code::request, fmt::format("'{}' fits {} nodes", wanted, nodes.size()),
              fmt::format("name one: espalier show '{}'", nodes.front()));
}

}  // namespace

int show_command(const Options& options) {
  Workshop workshop(options, store_nearby(options));
  auto found = outputs_of_node(workshop, options.artifact);
  if (found.empty()) found = outputs_by_digest(workshop, options.artifact);
  if (found.empty()) throw_unknown(workshop, options.artifact);
  require_one_node(found, options.artifact);
  for (const Found& f : found) show(workshop, f);
  return kOk;
}

}  // namespace espalier::cli
