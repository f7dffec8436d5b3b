// SPDX-License-Identifier: Apache-2.0
#include "gemm_speed.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

#include <dlfcn.h>

#include "core/blas.hpp"

namespace espalier::cli {
namespace {

using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float* a, int lda,
                       const float* b, int ldb, float beta, float* c, int ldc);
constexpr int kRowMajor = 101;
constexpr int kNoTranspose = 111;

double best_gflops(Sgemm sgemm) {
  constexpr int kSize = 512;
  const std::vector<float> a(kSize * kSize, 0.5F);
  const std::vector<float> b(kSize * kSize, 0.25F);
  std::vector<float> c(kSize * kSize);
  double best = 0;
  for (int round = 0; round < 12; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    sgemm(kRowMajor, kNoTranspose, kNoTranspose, kSize, kSize, kSize, 1, a.data(), kSize, b.data(), kSize, 0, c.data(),
          kSize);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, 2e-9 * kSize * kSize * kSize / seconds.count());
  }
  return best;
}

}  // namespace

GemmSpeed measure_gemm() {
  GemmSpeed speed;
  const core::Blas& blas = core::blas();
  if (blas.library == nullptr) {
    speed.failure = "libblas.so.3 cannot be loaded";
    return speed;
  }
  auto sgemm = reinterpret_cast<Sgemm>(dlsym(blas.library, "cblas_sgemm"));
  if (sgemm == nullptr) {
    speed.failure = "libblas.so.3 has no cblas_sgemm";
    return speed;
  }
  speed.library = blas.file;
  speed.version = blas.version;
  if (auto core = reinterpret_cast<char* (*)()>(dlsym(blas.library, "openblas_get_corename"))) speed.kernels = core();
  speed.gflops = best_gflops(sgemm);
  return speed;
}

}  // namespace espalier::cli
