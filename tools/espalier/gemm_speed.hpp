// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace espalier::cli {

/// How fast the system's BLAS multiplies float matrices on one core.
struct GemmSpeed {
  double gflops = 0;    ///< of a 512 x 512 x 512 product, best of several
  std::string library;  ///< the file it came from
  std::string version;  ///< what it says of itself
  std::string kernels;  ///< what OpenBLAS says of the kernels it picked; empty for another BLAS
  std::string failure;  ///< why nothing could be measured; empty when it could
};
GemmSpeed measure_gemm();

}  // namespace espalier::cli
