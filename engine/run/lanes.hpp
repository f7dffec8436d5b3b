// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/stage.hpp>

#include "pipeline/plan.hpp"

namespace espalier::run {

/// A pool of equal tokens; a running node holds one. Machine settings: never in a pipeline file, never in a key by
/// name.
struct Lane {
  std::string name;  ///< "cpu", "gpu", "solver"
  int tokens = 1;
  int threads = 1;                     ///< intra-op threads a token may use
  std::vector<std::string> devices{};  ///< one a token for gpu lanes; else "cpu"
};

struct ESPALIER_API Lanes {
  std::map<std::string, Lane> by_name{};
  int cores = 1;
  std::string why_no_gpu{};  ///< without a lane `gpu`: what it would take

  /// The lane a stage runs in: the one it names; `gpu` when it uses a device, names no lane and asks for no other
  /// device ("auto", "cuda", "cuda:1"); else `cpu`. A lane that is not there is `cpu`. Needs: there is a lane `cpu`.
  const Lane& of(const StageSpec& stage, std::string_view device = "auto") const;
  /// The same with what the node's parameter `device` asks for, if its stage has one.
  const Lane& of(const pipeline::PlanNode& node) const;
};

/// What one token of a lane stands for.
struct Seat {
  int threads = 1;
  std::string device = "cpu";
};
ESPALIER_API Seat seat_of(const Lane& lane, int token);

/// What runs on a GPU can run on, or why that is nothing.
struct Gpus {
  std::vector<std::string> devices;  ///< "cuda:0", ...
  std::string why_none;
};

/// `cpu` gets `jobs` tokens of 1 thread (0: one a core), and `gpu` one a device. Half of the cores go with the devices,
/// so that no two lanes count on the same core. There is no `solver` lane by default, so solver nodes share the tokens
/// of `cpu`: `jobs` is how many nodes run there at once, and a verifier with a time limit never shares its core with a
/// training.
ESPALIER_API Lanes lanes_for(int cores, int jobs, Gpus gpus);
/// Of this machine: cores from affinity, cgroup limits and Slurm; devices when LibTorch has CUDA, from /dev and
/// CUDA_VISIBLE_DEVICES. $ESPALIER_GPUS, a number, counts in place of all of these; 0 keeps to the cores.
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
/// What default_lanes() does with what it finds: names in /dev, both variables (nothing: not set), and whether LibTorch
/// has CUDA.
ESPALIER_API Gpus usable_gpus(const std::vector<std::string>& dev_names, const std::optional<std::string>& visible,
                              const std::optional<std::string>& wanted, bool torch_has_cuda);

}  // namespace espalier::run
