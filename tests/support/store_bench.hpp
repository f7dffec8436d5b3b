// SPDX-License-Identifier: Apache-2.0
// A store on a disk in memory, and results to put into it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <espalier/error.hpp>

#include "cache/store.hpp"
#include "support/fake_stages.hpp"
#include "support/memory_disk.hpp"

namespace espalier::testing {

inline ArtifactPtr num(double value) {
  return std::make_shared<const Num>(Num::with(value));
}
inline ArtifactPtr word(const std::string& text) {
  return std::make_shared<const Word>(Word::with(text));
}

/// The record of a node with these outputs; the node's name stands in for its key.
inline cache::Action action_of(const cache::Store& store, const std::string& node,
                               const std::vector<ArtifactPtr>& artifacts) {
  cache::Action action;
  action.key = digest_of(node);
  action.ingredients = {.stage = "fake." + node,
                        .params = {{"by", "real 2.0"}},
                        .inputs = {{"in", {{"set=a", digest_of("in").hex()}}}},
                        .files = {{"data", digest_of("file").hex()}},
                        .machine = {{"threads", "1"}},
                        .binary = "b"};
  for (std::size_t i = 0; i < artifacts.size(); ++i) {
    action.outputs.push_back({.port = "out" + std::to_string(i),
                              .kind = std::string(artifacts[i]->kind()),
                              .content = store.digest_of(*artifacts[i])});
  }
  action.provenance = {.host = "h",
                       .cpu = "c",
                       .finished = "2026-03-01T14:22:33Z",
                       .seconds = 0.1,
                       .cpu_seconds = 0.25,
                       .engine = "espalier 0.1.0",
                       .plugin = "fake 1",
                       .plugin_digest = "d",
                       .versions = {{"torch", "1.13.0"}}};
  return action;
}

inline cache::Action put(cache::Store& store, const std::string& node, const std::vector<ArtifactPtr>& artifacts) {
  return store.put(action_of(store, node, artifacts), artifacts);
}

inline double loaded_num(cache::Store& store, const Digest& content) {
  return dynamic_cast<const Num&>(*store.load(content, "Num")).value;
}

inline core::Path action_path(const cache::Store& store, const Digest& key) {
  return store.root() / "actions" / key.hex().substr(0, 2) / (key.hex() + ".json");
}

inline bool same_outputs(const std::vector<cache::OutputRef>& a, const std::vector<cache::OutputRef>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.port == y.port && x.kind == y.kind && x.content == y.content;
  });
}

/// What a call throws, text and hint in one.
struct Caught {
  Code code;
  std::string text;
};
inline std::optional<Caught> error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return Caught{error.code(), std::string(error.what()) + " | " + error.hint()};
  }
  return std::nullopt;
}

struct StoreBench {
  MemoryDisk disk;
  plugin::Registry registry = fake_registry();
  cache::Store store{disk, "/s", registry};

  /// As another process sees the same disk.
  cache::Store fresh() { return cache::Store(disk, "/s", registry); }
};

}  // namespace espalier::testing
