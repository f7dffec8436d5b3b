// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::run {

/// A pool of equal tokens; a running node holds one. Machine settings: never in a pipeline file, never in a key by
/// name.
struct Lane {
  std::string name;  ///< "cpu", "gpu", "solver"
  int tokens = 1;
  int threads = 1;                   ///< intra-op threads a token may use
  std::vector<std::string> devices;  ///< one a token for gpu lanes; else "cpu"
};

struct Lanes {
  std::map<std::string, Lane> by_name;
  int cores = 1;
};

/// Cores from affinity and cgroup limits; `cpu` gets `jobs` tokens of 1 thread (0: one a core), `solver` as many, `gpu`
/// one a visible device or, where there is none, falls back to running in `cpu`.
ESPALIER_API Lanes default_lanes(int jobs);

}  // namespace espalier::run
