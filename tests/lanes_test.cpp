// SPDX-License-Identifier: Apache-2.0
#include "run/lanes.hpp"

#include <doctest/doctest.h>

namespace espalier::run {
namespace {

/// Files by path; everything else is not there.
ReadText files(std::map<std::string, std::string> texts) {
  return [texts = std::move(texts)](const std::filesystem::path& path) -> std::optional<std::string> {
    const auto found = texts.find(path.string());
    if (found == texts.end()) return std::nullopt;
    return found->second;
  };
}

TEST_CASE("cgroup v2: the smallest limit from the group up to the root counts, rounded up") {
  CHECK(cgroup_cores(files({{"/proc/self/cgroup", "0::/jobs/one\n"},
                            {"/sys/fs/cgroup/jobs/one/cpu.max", "max 100000\n"},
                            {"/sys/fs/cgroup/jobs/cpu.max", "250000 100000\n"},
                            {"/sys/fs/cgroup/cpu.max", "800000 100000\n"}})) == 3);
  CHECK(cgroup_cores(files({{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/cpu.max", "50000 100000\n"}})) == 1);
}

TEST_CASE("cgroup v1: quota and period lie in two files, and -1 is no limit") {
  const std::map<std::string, std::string> limited{
      {"/proc/self/cgroup", "9:name=systemd:/\n4:cpu,cpuacct:/docker/abc\n2:memory:/x\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}};
  CHECK(cgroup_cores(files(limited)) == 2);
  auto unlimited = limited;
  unlimited["/sys/fs/cgroup/cpu/cpu.cfs_quota_us"] = "-1\n";
  CHECK(cgroup_cores(files(unlimited)) == std::nullopt);
}

TEST_CASE("no cgroup, no limit, or text that is no number: nothing is said") {
  CHECK(cgroup_cores(files({})) == std::nullopt);
  CHECK(cgroup_cores(files({{"/proc/self/cgroup", "0::/\n"}})) == std::nullopt);
  CHECK(cgroup_cores(files({{"/proc/self/cgroup", "no colons\n0::/\n"}, {"/sys/fs/cgroup/cpu.max", "what\n"}})) ==
        std::nullopt);
  CHECK(cgroup_cores(files({{"/proc/self/cgroup", "3:cpuset:/a\n"}, {"/sys/fs/cgroup/cpu.max", "100000 100000\n"}})) ==
        std::nullopt);
}

TEST_CASE("devices are those in /dev, cut down by CUDA_VISIBLE_DEVICES and numbered anew") {
  const std::vector<std::string> dev{"nvidia0", "nvidia1", "nvidia2", "nvidiactl", "nvidia-uvm", "null", "nvidia"};
  using Devices = std::vector<std::string>;
  CHECK(cuda_devices(dev, std::nullopt) == Devices{"cuda:0", "cuda:1", "cuda:2"});
  CHECK(cuda_devices(dev, "2,0") == Devices{"cuda:0", "cuda:1"});
  CHECK(cuda_devices(dev, "") == Devices{});
  CHECK(cuda_devices(dev, "-1") == Devices{});
  CHECK(cuda_devices(dev, "1,7,0") == Devices{"cuda:0"});
  CHECK(cuda_devices(dev, "GPU-5ebe9f43,MIG-12") == Devices{"cuda:0", "cuda:1"});
  CHECK(cuda_devices({"null", "nvidiactl"}, "0") == Devices{});
}

TEST_CASE("default lanes: as many tokens as asked for, else one a core") {
  CHECK(default_lanes(7).by_name.at("cpu").tokens == 7);
  const Lanes lanes = default_lanes(0);
  CHECK(lanes.cores >= 1);
  CHECK(lanes.by_name.at("cpu").tokens == lanes.cores);
  CHECK(lanes.by_name.at("cpu").threads == 1);
}

TEST_CASE("a stage runs in the lane it names, and in `cpu` when there is none of that name") {
  Lanes lanes;
  lanes.by_name["cpu"] = {.name = "cpu", .tokens = 2};
  lanes.by_name["gpu"] = {.name = "gpu", .tokens = 2, .threads = 3, .devices = {"cuda:0", "cuda:1"}};
  StageSpec stage;
  stage.lane = "gpu";
  CHECK(lanes.of(stage).name == "gpu");
  stage.lane = "solver";
  CHECK(lanes.of(stage).name == "cpu");
  CHECK(seat_of(lanes.by_name["gpu"], 1).device == "cuda:1");
  CHECK(seat_of(lanes.by_name["gpu"], 1).threads == 3);
  CHECK(seat_of(lanes.by_name["cpu"], 1).device == "cpu");
}

}  // namespace
}  // namespace espalier::run
