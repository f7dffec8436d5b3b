// SPDX-License-Identifier: Apache-2.0
#include "run/lanes.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <sched.h>

#include <espalier/error.hpp>

#include "core/kernel_file.hpp"

namespace espalier::run {
namespace {

using Path = std::filesystem::path;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

int affinity_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  // Fails on machines with more than 1024 CPUs; the standard library then asks with a set that is large enough.
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::optional<int> cores_of(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return std::nullopt;
  return std::max(1, static_cast<int>(std::ceil(quota / period)));
}

/// cpu.max of version 2: "max 100000" or "150000 100000", both in microseconds.
std::optional<int> limit_v2(const ReadText& read, const Path& group) {
  const auto text = read(group / "cpu.max");
  if (!text) return std::nullopt;
  std::istringstream in(*text);
  double quota = 0;
  double period = 0;
  if (!(in >> quota >> period)) return std::nullopt;
  return cores_of(quota, period);
}

/// Version 1 keeps the two numbers in two files; -1 is "no limit".
std::optional<int> limit_v1(const ReadText& read, const Path& group) {
  const auto quota = read(group / "cpu.cfs_quota_us");
  const auto period = read(group / "cpu.cfs_period_us");
  if (!quota || !period) return std::nullopt;
  return cores_of(std::atof(quota->c_str()), std::atof(period->c_str()));
}

template <class Limit>
std::optional<int> smallest_limit(const ReadText& read, const Path& mount, const std::string& group, Limit limit) {
  std::optional<int> smallest;
  Path inside = Path(group).relative_path();
  while (true) {
    if (const auto cores = limit(read, mount / inside)) smallest = std::min(smallest.value_or(*cores), *cores);
    if (inside.empty()) return smallest;
    inside = inside.parent_path();
  }
}

std::optional<std::string> read_text(const Path& path) {
  const std::string text = core::read_kernel_file(path);
  return text.empty() ? std::nullopt : std::optional(text);
}

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

int available_cores() {
  int cores = affinity_cores();
  if (const auto limit = cgroup_cores(read_text)) cores = std::min(cores, *limit);
  if (const auto slurm = environment("SLURM_CPUS_PER_TASK")) {
    if (const auto limit = number(*slurm); limit && *limit > 0) cores = std::min(cores, *limit);
  }
  return std::max(1, cores);
}

std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

std::vector<std::string> numbered_devices(int count) {
  std::vector<std::string> devices;
  for (int i = 0; i < count; ++i) devices.push_back("cuda:" + std::to_string(i));
  return devices;
}

}  // namespace

const Lane& Lanes::of(const StageSpec& stage, std::string_view device) const {
  const bool wants_gpu = stage.uses_device && stage.lane == "cpu" && (device == "auto" || device.starts_with("cuda"));
  const auto lane = by_name.find(wants_gpu ? "gpu" : stage.lane);
  return lane == by_name.end() ? by_name.at("cpu") : lane->second;
}

const Lane& Lanes::of(const pipeline::PlanNode& node) const {
  const auto device = node.params.find("device");
  const bool says = device != node.params.end() && device->second.type() == ValueType::text;
  return says ? of(*node.stage, device->second.as<std::string>()) : of(*node.stage);
}

Seat seat_of(const Lane& lane, int token) {
  Seat result{.threads = lane.threads};
  if (!lane.devices.empty()) result.device = lane.devices[static_cast<std::size_t>(token) % lane.devices.size()];
  return result;
}

std::optional<int> cgroup_cores(const ReadText& read) {
  const auto groups = read("/proc/self/cgroup");
  if (!groups) return std::nullopt;
  std::optional<int> smallest;
  auto take = [&](std::optional<int> cores) {
    if (cores) smallest = std::min(smallest.value_or(*cores), *cores);
  };
  std::istringstream lines(*groups);
  // "0::/user.slice" is the group of version 2, "4:cpu,cpuacct:/x" one of version 1; a machine may have both.
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string group = line.substr(second + 1);
    if (controllers == ",,") take(smallest_limit(read, "/sys/fs/cgroup", group, limit_v2));
    if (controllers.find(",cpu,") != std::string::npos) {
      take(smallest_limit(read, "/sys/fs/cgroup/cpu", group, limit_v1));
    }
  }
  return smallest;
}

std::vector<std::string> cuda_devices(const std::vector<std::string>& dev_names,
                                      const std::optional<std::string>& visible) {
  int present = 0;
  for (const std::string& name : dev_names) {
    if (name.starts_with("nvidia") && number(name.substr(6)).value_or(-1) >= 0) ++present;
  }
  if (present == 0 || !visible) return numbered_devices(present);
  int shown = 0;
  std::istringstream entries(*visible);
  for (std::string entry; std::getline(entries, entry, ','); ++shown) {
    const bool by_uuid = entry.starts_with("GPU-") || entry.starts_with("MIG-");
    const auto index = number(entry);
    if (!by_uuid && !(index && *index >= 0 && *index < present)) break;
  }
  return numbered_devices(shown);
}

Gpus usable_gpus(const std::vector<std::string>& dev_names, const std::optional<std::string>& visible,
                 const std::optional<std::string>& wanted, bool torch_has_cuda) {
  if (wanted) {
    const int count = number(*wanted).value_or(-1);
    if (count < 0) {
      throw Error(Code::request, fmt::format("ESPALIER_GPUS is '{}'", *wanted),
                  "set it to a number of GPUs, 0 for none");
    }
    return {numbered_devices(count), count == 0 ? "ESPALIER_GPUS is 0" : ""};
  }
  const auto present = cuda_devices(dev_names, std::nullopt);
  const auto shown = cuda_devices(dev_names, visible);
  if (present.empty()) return {{}, "there is no GPU here"};
  if (shown.empty()) return {{}, fmt::format("CUDA_VISIBLE_DEVICES is '{}'", *visible)};
  if (!torch_has_cuda) return {{}, "the LibTorch that Espalier was built with has no CUDA"};
  return {shown, ""};
}

Lanes lanes_for(int cores, int jobs, Gpus gpus) {
  Lanes lanes{.cores = cores};
  const int count = static_cast<int>(gpus.devices.size());
  const int threads = count == 0 ? 0 : std::max(1, cores / (2 * count));
  const int tokens = jobs > 0 ? jobs : std::max(1, cores - count * threads);
  lanes.by_name["cpu"] = {.name = "cpu", .tokens = tokens};
  lanes.why_no_gpu = std::move(gpus.why_none);
  if (count > 0) {
    lanes.by_name["gpu"] = {.name = "gpu", .tokens = count, .threads = threads, .devices = std::move(gpus.devices)};
  }
  return lanes;
}

Lanes default_lanes(int jobs) {
#ifdef ESPALIER_TORCH_CUDA
  constexpr bool kTorchHasCuda = true;
#else
  constexpr bool kTorchHasCuda = false;
#endif
  return lanes_for(
      available_cores(), jobs,
      usable_gpus(names_in("/dev"), environment("CUDA_VISIBLE_DEVICES"), environment("ESPALIER_GPUS"), kTorchHasCuda));
}

}  // namespace espalier::run
