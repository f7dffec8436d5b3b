// SPDX-License-Identifier: Apache-2.0
// doctor, the part about the machine: how the program was built, what it runs on, and how fast that is.
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>

#include "built_with.hpp"
#include "core/kernel_file.hpp"
#include "core/machine.hpp"
#include "core/text.hpp"
#include "findings.hpp"
#include "gemm_speed.hpp"
#include "run/lanes.hpp"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

/// Below this an AVX-512 or AVX2 core is being used as if it were an old one.
constexpr double kSlowGflops = 20;

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    out.push_back(it->path());
  }
  return out;
}

void program(Findings& findings) {
  findings.say("program", fmt::format("espalier {}, {} build{}{}, {}", core::kVersion, kBuildType,
                                      *kSanitizers == '\0' ? "" : " with sanitizers ", kSanitizers, kCompiler));
  findings.say("built with", kLibraries);
  if (*kSanitizers != '\0') {
    findings.advise("sanitizers make it several times slower: cmake -DESPALIER_SANITIZE= for daily use");
  } else if (std::string_view(kBuildType) != "Release" && std::string_view(kBuildType) != "RelWithDebInfo") {
    findings.advise("not optimised: cmake -DCMAKE_BUILD_TYPE=Release for daily use");
  }
}

/// "Model: \t\t NVIDIA H200" in /proc/driver/nvidia/gpus/*/information.
std::vector<std::string> card_models() {
  std::vector<std::string> out;
  for (const fs::path& folder : folders_in("/proc/driver/nvidia/gpus")) {
    const std::string text = core::read_kernel_file(folder / "information");
    const auto model = text.find("Model:");
    if (model == std::string::npos) continue;
    const auto begin = text.find_first_not_of(" \t", model + 6);
    out.push_back(begin == std::string::npos ? "unknown" : text.substr(begin, text.find('\n', begin) - begin));
  }
  return out;
}

/// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54  ...": the first word that begins as a number does.
std::string driver_version() {
  std::istringstream words(core::read_kernel_file("/proc/driver/nvidia/version"));
  for (std::string word; words >> word;) {
    if (word[0] >= '0' && word[0] <= '9') return word;
  }
  return "unknown";
}

/// A card on the bus that no driver has taken.
bool has_idle_card() {
  for (const fs::path& device : folders_in("/sys/bus/pci/devices")) {
    const bool is_display = core::read_kernel_file(device / "class").starts_with("0x03");
    if (is_display && core::read_kernel_file(device / "vendor").starts_with("0x10de")) return true;
  }
  return false;
}

void cards(const run::Lanes& lanes, Findings& findings) {
  const auto gpu = lanes.by_name.find("gpu");
  if (gpu == lanes.by_name.end()) {
    findings.say("GPU", lanes.why_no_gpu + ": everything runs on the processor");
    if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES"); visible != nullptr && !card_models().empty()) {
      findings.advise(fmt::format("CUDA_VISIBLE_DEVICES is '{}', which hides them: unset it", visible));
    } else if (has_idle_card()) {
      findings.advise("there is an NVIDIA card without a driver: apt-get install nvidia-driver (Debian's non-free)");
    }
    return;
  }
  const auto models = card_models();
  findings.say("GPU", fmt::format("{} ({}), driver {}", core::join(gpu->second.devices, ", "),
                                  models.empty() ? "of an unknown model" : core::join(models, ", "), driver_version()));
}

void machine(Findings& findings) {
  const run::Lanes lanes = run::default_lanes(0);
  findings.say("machine", fmt::format("{}, {} cores for this process, {}", core::cpu_model(), lanes.cores,
                                      core::cpu_capability()));
  for (const auto& [name, lane] : lanes.by_name) {
    findings.say("lane", fmt::format("{}: {} at a time, {} thread(s) each, on {}", name, lane.tokens, lane.threads,
                                     lane.devices.empty() ? "cpu" : core::join(lane.devices, ", ")));
  }
  cards(lanes, findings);
}

void blas(Findings& findings) {
  const GemmSpeed speed = measure_gemm();
  if (!speed.failure.empty()) {
    findings.say("BLAS", speed.failure);
    findings.advise("install one: apt-get install libopenblas0-pthread");
    return;
  }
  findings.say("BLAS", fmt::format("{:.0f} GFLOP/s on one core (float, 512 x 512), {} kernels, {}, {}", speed.gflops,
                                   speed.kernels.empty() ? "unnamed" : speed.kernels, speed.version, speed.library));
  const std::string cpu = core::cpu_capability();
  const char* core_type = std::getenv("OPENBLAS_CORETYPE");
  if (core::are_older_kernels(speed.kernels, cpu)) {
    findings.advise(
        fmt::format("{} kernels do not use what an {} core can do: OPENBLAS_CORETYPE is '{}'; unset it so that "
                    "espalier chooses",
                    speed.kernels, cpu, core_type ? core_type : ""));
  } else if (cpu != "sse2" && !(speed.gflops > kSlowGflops)) {
    findings.advise(speed.kernels.empty()
                        ? fmt::format("slow for an {} core: apt-get install libopenblas0-pthread", cpu)
                        : fmt::format("slow for an {} core: is the machine busy? measure again when it is not", cpu));
  }
}

}  // namespace

void examine_machine(Findings& findings) {
  program(findings);
  machine(findings);
  blas(findings);
}

}  // namespace espalier::cli
