// SPDX-License-Identifier: Apache-2.0
#include "kernels.hpp"

#include "lanes.hpp"

namespace espalier::crown {

static_assert(kLanes == 64, "kernels_body.hpp says 64 without including anything");

#if defined(__x86_64__)
namespace avx512 {
const Kernels& table();
}
namespace avx2 {
const Kernels& table();
}
#endif
namespace baseline {
const Kernels& table();
}

const Kernels& kernels() {
#if defined(__x86_64__)
  static const Kernels& best = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                                   ? avx512::table()
                               : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? avx2::table()
                                                                                                 : baseline::table();
#else
  static const Kernels& best = baseline::table();
#endif
  return best;
}

}  // namespace espalier::crown
