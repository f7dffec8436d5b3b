// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/digest.hpp>

#include "pipeline/plan.hpp"
#include "plugin/registry.hpp"

namespace espalier::cache {

/// Everything a node's key is made of, by name and readable: two of these tell why a node runs again.
struct Ingredients {
  std::string stage;  ///< "prune.neurons"
  std::int64_t revision = 1;
  std::map<std::string, std::string> params;  ///< canonical text, prefixed by the type: "real 0.5"
  struct Input {
    std::string label;    ///< "set=set2"; empty unless the port is labelled
    std::string content;  ///< hex digest
    friend bool operator==(const Input&, const Input&) = default;
  };
  std::map<std::string, std::vector<Input>> inputs;  ///< by port
  std::map<std::string, std::string> files;          ///< file parameter -> hex digest of the bytes
  std::map<std::string, std::string> machine;        ///< what a same_machine result depends on: "torch" -> "1.13.0"
  std::string binary;                                ///< plugin file digest with --trust binary, else empty

  friend bool operator==(const Ingredients&, const Ingredients&) = default;
};

/// SHA-256 over "espalier-key-1" and the ingredients, every field length-prefixed and typed.
ESPALIER_API Digest key_of(const Ingredients& ingredients);

/// What does not come from the plan.
struct Surroundings {
  std::map<std::string, std::string> machine;  ///< cpu capability, ...: without threads and device
  std::function<std::string()> blas{};         ///< which one LibTorch gets, and its version; asked only when it counts
  bool trust_binary = false;
  /// Threads and device of the lane a node would run in.
  std::function<std::pair<int, std::string>(const pipeline::PlanNode&)> lane;
  /// Digest of a file's bytes; remembers by path, size and mtime within a run. Throws Error(missing).
  std::function<Digest(const std::string& path)> file_digest;
};

/// Needs: `contents[i][k]` is the content digest of output k of plan node i for every source of `node`.
ESPALIER_API Ingredients ingredients_of(const pipeline::Plan& plan, int node, const plugin::Registry& registry,
                                        const std::vector<std::vector<Digest>>& contents,
                                        const Surroundings& surroundings);

}  // namespace espalier::cache
