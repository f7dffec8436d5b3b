// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <espalier/abi.hpp>

namespace espalier::core {

/// Sets OPENBLAS_CORETYPE from CPUID, and one-thread defaults for OpenMP and OpenBLAS, where the user has not. Must run
/// before any library that uses BLAS is loaded: first thing in `main`, and in test programs that link LibTorch before
/// their re-exec. Why: OpenBLAS 0.3.21 takes CPUs it cannot name (virtual machines) for a Prescott and is then 10 times
/// slower.
ESPALIER_API void configure_numeric_libraries();

/// "avx512", "avx2", "sse2".
ESPALIER_API std::string cpu_capability();
/// Whether the kernels of an OpenBLAS core type are known to use less than a CPU of this capability offers.
ESPALIER_API bool are_older_kernels(std::string_view core_type, std::string_view capability);
ESPALIER_API std::string cpu_model();
ESPALIER_API std::string host_name();
ESPALIER_API std::string utc_now();  ///< ISO 8601 with seconds, "2026-03-01T14:22:33Z"
/// What the results of numeric stages depend on beside threads and device: cpu capability, OpenBLAS core type.
ESPALIER_API std::map<std::string, std::string> numeric_surroundings();
inline constexpr const char* kVersion = "0.1.0";

}  // namespace espalier::core
