// SPDX-License-Identifier: Apache-2.0
// crown's kernels with a switch: the two that sum error terms also in a form that leaves the sum out. Takes the place
// of plugins/crown/kernels.cpp in this program, so that the product has no switch.
#include "loose_kernels.hpp"

#include "crown/kernels.hpp"
#include "crown/lanes.hpp"

namespace espalier::crown {

namespace ESPALIER_BENCH_ISA {
const Kernels& table();
}  // namespace ESPALIER_BENCH_ISA

namespace {

bool rigorous = true;

void relu_back(int n, const float* a, const Relaxed& relu, const double* bias, const float*, float* p, double* constant,
               float*) {
  for (int i = 0; i < n; ++i) {
    const long at = static_cast<long>(i) * kLanes;
    const float* __restrict low = relu.low + at;
    const float* __restrict high = relu.high + at;
    const float* __restrict offset = relu.offset + at;
    const float* __restrict beta = relu.beta + at;
    const float* __restrict in = a + at;
    float* __restrict out = p + at;
    for (int l = 0; l < kLanes; ++l) out[l] = in[l] * (in[l] >= 0 ? low[l] : high[l]) - beta[l];
    const double b = bias[i];
    for (int l = 0; l < kLanes; ++l) {
      const float negative = in[l] < 0 ? in[l] : 0.0F;
      constant[l] += static_cast<double>(negative) * static_cast<double>(offset[l]) + static_cast<double>(out[l]) * b;
    }
  }
}

void affine_back(int n, const float* p, const double* bias, const float*, double* constant, float*) {
  for (int i = 0; i < n; ++i, p += kLanes) {
    const double b = bias[i];
    for (int l = 0; l < kLanes; ++l) constant[l] += static_cast<double>(p[l]) * b;
  }
}

}  // namespace

const Kernels& kernels() {
  static const Kernels& strict = ESPALIER_BENCH_ISA::table();
  static const Kernels loose = [] {
    Kernels all = strict;
    all.relu_back = relu_back;
    all.affine_back = affine_back;
    return all;
  }();
  return rigorous ? strict : loose;
}

}  // namespace espalier::crown

void espalier::bench::use_rigorous_kernels(bool wanted) {
  crown::rigorous = wanted;
}
