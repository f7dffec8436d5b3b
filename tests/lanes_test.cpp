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

TEST_CASE("devices share half of the cores, and the lane `cpu` has the rest") {
  const auto lanes = [](int cores, int jobs, int gpus) {
    return lanes_for(cores, jobs, usable_gpus({}, std::nullopt, std::to_string(gpus), false));
  };
  const Lanes big = lanes(16, 0, 2);
  CHECK(big.by_name.at("gpu").tokens == 2);
  CHECK(big.by_name.at("gpu").threads == 4);
  CHECK(big.by_name.at("gpu").devices == std::vector<std::string>{"cuda:0", "cuda:1"});
  CHECK(big.by_name.at("cpu").tokens == 8);
  CHECK(lanes(16, 5, 2).by_name.at("cpu").tokens == 5);
  const Lanes small = lanes(1, 0, 1);
  CHECK(small.by_name.at("gpu").threads == 1);
  CHECK(small.by_name.at("cpu").tokens == 1);
  const Lanes none = lanes(4, 0, 0);
  CHECK(!none.by_name.contains("gpu"));
  CHECK(none.by_name.at("cpu").tokens == 4);
  CHECK(none.why_no_gpu == "ESPALIER_GPUS is 0");
}

TEST_CASE("why there is no GPU to run on is said, and a number of them in the environment counts") {
  const std::vector<std::string> dev{"nvidia0", "nvidia1"};
  CHECK(usable_gpus(dev, std::nullopt, std::nullopt, true).devices.size() == 2);
  CHECK(usable_gpus(dev, "1", std::nullopt, true).devices.size() == 1);
  CHECK(usable_gpus(dev, "", std::nullopt, true).why_none == "CUDA_VISIBLE_DEVICES is ''");
  CHECK(usable_gpus(dev, std::nullopt, std::nullopt, false).why_none ==
        "the LibTorch that Espalier was built with has no CUDA");
  CHECK(usable_gpus({}, std::nullopt, std::nullopt, true).why_none == "there is no GPU here");
  CHECK(usable_gpus(dev, std::nullopt, "3", false).devices.size() == 3);
  CHECK(usable_gpus(dev, std::nullopt, "0", true).devices.empty());
  CHECK_THROWS_AS(usable_gpus(dev, std::nullopt, "many", true), Error);
}

TEST_CASE("a stage that uses a device runs in `gpu` unless it or its node says otherwise") {
  const Lanes with = lanes_for(4, 0, {{"cuda:0"}, ""});
  const Lanes without = lanes_for(4, 0, {{}, "there is no GPU here"});
  StageSpec stage;
  CHECK(with.of(stage).name == "cpu");
  stage.uses_device = true;
  CHECK(with.of(stage).name == "gpu");
  CHECK(without.of(stage).name == "cpu");
  CHECK(with.of(stage, "cuda:1").name == "gpu");
  CHECK(with.of(stage, "cpu").name == "cpu");
  CHECK(with.of(stage, "torch-cpu").name == "cpu");
  pipeline::PlanNode node;
  node.stage = &stage;
  node.params = {{"device", Value("cpu")}};
  CHECK(with.of(node).name == "cpu");
  node.params.insert_or_assign("device", Value("cuda"));
  CHECK(with.of(node).name == "gpu");
  node.params.clear();
  CHECK(with.of(node).name == "gpu");
  stage.lane = "solver";
  CHECK(with.of(stage).name == "cpu");
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
