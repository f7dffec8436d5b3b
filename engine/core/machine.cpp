// SPDX-License-Identifier: Apache-2.0
#include "core/machine.hpp"

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <set>

#include <unistd.h>

namespace espalier::core {
namespace {

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512cd");
}
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

void set_default(const char* name, const char* value) {
  ::setenv(name, value, /*overwrite=*/0);
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::string cpu_capability() {
#if defined(__x86_64__)
  if (has_avx512()) return "avx512";
  if (has_avx2()) return "avx2";
  return "sse2";
#else
  return "generic";
#endif
}

bool are_older_kernels(std::string_view core_type, std::string_view capability) {
  // As OpenBLAS names them. Those with AVX of the first generation are old here too: they have no fused multiply-add.
  static const std::set<std::string_view> with_avx2 = {"Haswell", "Zen"};
  static const std::set<std::string_view> older = {"Katmai",     "Coppermine",   "Northwood",  "Prescott", "Banias",
                                                   "Core2",      "Penryn",       "Dunnington", "Nehalem",  "Atom",
                                                   "Opteron",    "Opteron_SSE3", "Barcelona",  "Bobcat",   "Bulldozer",
                                                   "Piledriver", "Steamroller",  "Sandybridge"};
  if (capability == "avx512") return older.contains(core_type) || with_avx2.contains(core_type);
  return capability == "avx2" && older.contains(core_type);
}

void configure_numeric_libraries() {
  const std::string capability = cpu_capability();
  if (capability == "avx512") set_default("OPENBLAS_CORETYPE", "SkylakeX");
  if (capability == "avx2") set_default("OPENBLAS_CORETYPE", "Haswell");
  // One intra-op thread a stage: parallelism comes from the graph, and results do not depend on how busy the machine
  // is.
  set_default("OMP_NUM_THREADS", "1");
  set_default("OPENBLAS_NUM_THREADS", "1");
  set_default("OMP_WAIT_POLICY", "PASSIVE");
  set_default("CUBLAS_WORKSPACE_CONFIG", ":4096:8");  // cuBLAS is deterministic only with a fixed workspace
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

std::map<std::string, std::string> numeric_surroundings() {
  return {{"cpu", cpu_capability()}, {"openblas_coretype", from_environment("OPENBLAS_CORETYPE")}};
}

}  // namespace espalier::core
