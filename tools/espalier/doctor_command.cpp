// SPDX-License-Identifier: Apache-2.0
// doctor: what this machine, its libraries, data and store look like, and what to do about what is amiss.
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "core/machine.hpp"
#include "core/text.hpp"
#include "gemm_speed.hpp"
#include "plugin/loader.hpp"
#include "run/lanes.hpp"
#include "stage_call.hpp"
#include "store_place.hpp"

namespace espalier::cli {
namespace {

/// Below this an AVX-512 or AVX2 core is being used as if it were an old one.
constexpr double kSlowGflops = 20;

void say(const char* topic, const std::string& text) {
  fmt::print("{:<10} {}\n", topic, text);
}
void advise(const std::string& text) {
  fmt::print("{:<10} -> {}\n", "", text);
}

void machine() {
  say("program", fmt::format("espalier {}", core::kVersion));
  const run::Lanes lanes = run::default_lanes(0);
  say("machine",
      fmt::format("{}, {} cores for this process, {}", core::cpu_model(), lanes.cores, core::cpu_capability()));
  for (const auto& [name, lane] : lanes.by_name) {
    say("lane", fmt::format("{}: {} at a time, {} thread(s) each, on {}", name, lane.tokens, lane.threads,
                            lane.devices.empty() ? "cpu" : core::quoted_list(lane.devices)));
  }
  if (!lanes.why_no_gpu.empty()) say("GPU", lanes.why_no_gpu + ": stages that can use one run in the lane cpu");
}

void blas() {
  const GemmSpeed speed = measure_gemm();
  if (!speed.failure.empty()) {
    say("BLAS", speed.failure);
    advise("install one: apt-get install libopenblas0-pthread");
    return;
  }
  say("BLAS", fmt::format("{:.0f} GFLOP/s on one core (float, 512 x 512), {} kernels, {}", speed.gflops,
                          speed.kernels.empty() ? "unnamed" : speed.kernels, speed.library));
  const std::string cpu = core::cpu_capability();
  const char* core_type = std::getenv("OPENBLAS_CORETYPE");
  if (core::are_older_kernels(speed.kernels, cpu)) {
    advise(
        fmt::format("{} kernels do not use what an {} core can do: OPENBLAS_CORETYPE is '{}'; unset it so that "
                    "espalier chooses",
                    speed.kernels, cpu, core_type ? core_type : ""));
  } else if (cpu != "sse2" && !(speed.gflops > kSlowGflops)) {
    advise(fmt::format("slow for an {} core: install OpenBLAS (apt-get install libopenblas0-pthread)", cpu));
  }
}

void plugins(const plugin::Registry& registry, const std::vector<plugin::Refused>& refused) {
  for (const plugin::LoadedPlugin& p : registry.plugins()) {
    if (!p.file.empty())
      say("plugin", fmt::format("{} {}, LibTorch {}, {}", p.name, p.version, p.torch, p.file.string()));
  }
  for (const plugin::Refused& r : refused) say("refused", r.why);
}

void data_sets(const plugin::Registry& registry) {
  const StageSpec* stage = registry.find_stage("data.idx");
  if (stage == nullptr) return;
  std::vector<std::string> names;
  for (const ParamSpec& p : stage->params) {
    if (p.name == "name") names = p.choices;
  }
  for (const std::string& name : names) {
    if (name.empty()) continue;
    try {
      StageCall call(registry, stage->qualified());
      call.set("name", Value(name));
      call.run();
      say("data set", name + ": found, checked");
    } catch (const Error& e) {
      say("data set", fmt::format("{}: {}", name, e.what()));
      if (!e.hint().empty()) advise(e.hint());
    }
  }
}

void store(const core::Path& root) {
  std::error_code error;
  const auto space = std::filesystem::space(root.parent_path().empty() ? "." : root.parent_path(), error);
  const std::string free = error ? "unknown" : core::bytes_text(static_cast<double>(space.available));
  const bool there = std::filesystem::exists(root, error);
  say("store", fmt::format("'{}'{}, {} free on its disk", root.string(), there ? "" : " (not made yet)", free));
  if (there) advise("check every digest with: espalier store verify --store " + root.string());
}

/// That the store is not clear is a finding like others.
void store(const Options& options) {
  try {
    store(store_nearby(options));
  } catch (const Error& e) {
    say("store", e.what());
    advise(e.hint());
  }
}

}  // namespace

int doctor_command(const Options& options) {
  machine();
  blas();
  plugin::Registry registry;
  const auto refused = plugin::load_plugins(plugin::search_path(options.plugin_path), registry);
  plugins(registry, refused);
  data_sets(registry);
  store(options);
  return kOk;
}

}  // namespace espalier::cli
