// SPDX-License-Identifier: Apache-2.0
// doctor: what this machine, its libraries, data and store look like, and what to do about what is amiss.
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "core/machine.hpp"
#include "core/text.hpp"
#include "gemm_speed.hpp"
#include "session.hpp"

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
                            lane.devices.empty() ? "cpu" : lane.devices.front()));
  }
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

void plugins(const Workshop& workshop) {
  for (const plugin::LoadedPlugin& p : workshop.registry.plugins()) {
    if (!p.file.empty())
      say("plugin", fmt::format("{} {}, LibTorch {}, {}", p.name, p.version, p.torch, p.file.string()));
  }
  for (const plugin::Refused& r : workshop.refused) say("refused", r.why);
}

/// Just enough of a Context to run a data stage.
class Dry final : public Context {
 public:
  const std::vector<Gathered>& all(std::string_view) override { return none_; }
  int threads() const override { return 1; }
  std::string_view device() const override { return "cpu"; }
  bool stop_requested() const override { return false; }
  void log(std::string_view) override {}
  void progress(double, double) override {}
  const std::filesystem::path& scratch() override { return scratch_; }
  const std::filesystem::path& folder() const override { return folder_; }

 private:
  const Artifact& input(std::string_view port, std::string_view) override {
    throw Error(Code::internal, fmt::format("a data stage asked for input '{}'", port));
  }
  const Artifact* optional_input(std::string_view, std::string_view) override { return nullptr; }
  void set_output(std::string_view, ArtifactPtr) override {}
  std::vector<Gathered> none_;
  std::filesystem::path scratch_ = std::filesystem::temp_directory_path();
  std::filesystem::path folder_ = std::filesystem::current_path();
};

void data_sets(const Workshop& workshop) {
  const StageSpec* stage = workshop.registry.find_stage("data.idx");
  if (stage == nullptr) return;
  ParamValues params;
  std::vector<std::string> names;
  for (const ParamSpec& p : stage->params) {
    if (p.name == "name") names = p.choices;
    params[p.name] = p.fallback;
  }
  for (const std::string& name : names) {
    if (name.empty()) continue;
    params["name"] = name;
    try {
      Dry context;
      workshop.registry.body (*stage)(params, context);
      say("data set", name + ": found, checked");
    } catch (const Error& e) {
      say("data set", fmt::format("{}: {}", name, e.what()));
      if (!e.hint().empty()) advise(e.hint());
    }
  }
}

void store(const Workshop& workshop) {
  const core::Path root = workshop.store.root();
  std::error_code error;
  const auto space = std::filesystem::space(root.parent_path().empty() ? "." : root.parent_path(), error);
  const std::string free = error ? "unknown" : core::bytes_text(static_cast<double>(space.available));
  const bool there = std::filesystem::exists(root, error);
  say("store", fmt::format("'{}'{}, {} free on its disk", root.string(), there ? "" : " (not made yet)", free));
  if (there) advise("check every digest with: espalier store verify");
}

}  // namespace

int doctor_command(const Options& options) {
  machine();
  blas();
  const Workshop workshop(options);
  plugins(workshop);
  data_sets(workshop);
  store(workshop);
  return kOk;
}

}  // namespace espalier::cli
