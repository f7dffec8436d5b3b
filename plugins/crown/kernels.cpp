// SPDX-License-Identifier: Apache-2.0
#include "kernels.hpp"

#include "form_kernels.hpp"
#include "lanes.hpp"

namespace espalier::crown {

static_assert(kLanes == 64, "kernels_body.hpp says 64 without including anything");

#if defined(__x86_64__)
namespace avx512 {
const Kernels& table();
const FormKernels& form_table();
}  // namespace avx512
namespace avx2 {
const Kernels& table();
const FormKernels& form_table();
}  // namespace avx2
#endif
namespace baseline {
const Kernels& table();
const FormKernels& form_table();
}  // namespace baseline

#if defined(__x86_64__)
namespace {

/// The table of the best instruction set that this processor has.
template <class Table>
const Table& best(const Table& (*avx512)(), const Table& (*avx2)(), const Table& (*baseline)()) {
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return avx512();
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2();
  return baseline();
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& table = best(avx512::table, avx2::table, baseline::table);
  return table;
}
const FormKernels& form_kernels() {
  static const FormKernels& table = best(avx512::form_table, avx2::form_table, baseline::form_table);
  return table;
}
#else
const Kernels& kernels() {
  return baseline::table();
}
const FormKernels& form_kernels() {
  return baseline::form_table();
}
#endif

}  // namespace espalier::crown
