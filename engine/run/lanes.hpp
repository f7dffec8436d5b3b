// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <espalier/stage.hpp>

namespace espalier::run {

/// A pool of equal tokens; a running node holds one. Machine settings: never in a pipeline file, never in a key by
/// name.
struct Lane {
  std::string name;  ///< "cpu", "gpu", "solver"
  int tokens = 1;
  int threads = 1;                     ///< intra-op threads a token may use
  std::vector<std::string> devices{};  ///< one a token for gpu lanes; else "cpu"
};

struct Lanes {
  std::map<std::string, Lane> by_name{};
  int cores = 1;

  /// The lane a stage runs in: the one it names, else `cpu`. Needs: there is a lane `cpu`.
  const Lane& of(const StageSpec& stage) const;
};

/// What one token of a lane stands for.
struct Seat {
  int threads = 1;
  std::string device = "cpu";
};
ESPALIER_API Seat seat_of(const Lane& lane, int token);

/// Cores from affinity, cgroup limits and Slurm; `cpu` gets `jobs` tokens of 1 thread (0: one a core) and `gpu` one a
/// visible device. There is no `solver` lane by default, so solver nodes share the tokens of `cpu`: `jobs` is how many
/// nodes run at once, and a verifier with a time limit never shares its core with a training. Without a device the
/// nodes of `gpu` run in `cpu` too.
ESPALIER_API Lanes default_lanes(int jobs);

/// The text of a file, or nothing. /proc and /sys report no sizes, so these are not read through Disk.
using ReadText = std::function<std::optional<std::string>(const std::filesystem::path&)>;
/// Cores that cgroup v1 or v2 allow this process, rounded up; the smallest over its group and all groups above it.
/// Nothing when there is no limit.
ESPALIER_API std::optional<int> cgroup_cores(const ReadText& read);

/// The devices CUDA would show ("cuda:0", ...), from the names in /dev and CUDA_VISIBLE_DEVICES (nothing: not set).
/// As in CUDA, the list ends at the first entry that names no device.
ESPALIER_API std::vector<std::string> cuda_devices(const std::vector<std::string>& dev_names,
                                                   const std::optional<std::string>& visible);

}  // namespace espalier::run
