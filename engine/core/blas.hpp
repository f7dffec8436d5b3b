// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <espalier/abi.hpp>

namespace espalier::core {

/// The BLAS that LibTorch gets from this system (libblas.so.3). Loaded when it is first asked for and kept: the program
/// itself links none.
struct Blas {
  void* library = nullptr;  ///< for dlsym; null when it cannot be loaded
  std::string file;         ///< the file it comes from, links resolved
  /// What it says of itself ("OpenBLAS 0.3.21 ... Haswell MAX_THREADS=64"), else the last two parts of `file`
  /// ("blas/libblas.so.3.11.0"): what results depend on, and no more. "none" when there is none.
  std::string version;
};
ESPALIER_API const Blas& blas();

}  // namespace espalier::core
