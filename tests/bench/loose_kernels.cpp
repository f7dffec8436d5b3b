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

constexpr int kWidth = ESPALIER_BENCH_WIDTH;
typedef float Register __attribute__((vector_size(kWidth * sizeof(float))));
typedef double DoubleRegister __attribute__((vector_size(kWidth * sizeof(double)), aligned(kWidth * sizeof(float))));

Register load(const float* p) {
  return *reinterpret_cast<const Register*>(p);
}

void relu_back(int n, const float* a, const Relaxed& relu, const double* bias, const float*, float* p, double* constant,
               float*) {
  for (int lane = 0; lane < kLanes; lane += kWidth) {
    DoubleRegister constants = *reinterpret_cast<DoubleRegister*>(constant + lane);
    for (int i = 0; i < n; ++i) {
      const long at = static_cast<long>(i) * kLanes + lane;
      const Register in = load(a + at);
      const Register out = in * (in >= 0 ? load(relu.low + at) : load(relu.high + at)) - load(relu.beta + at);
      *reinterpret_cast<Register*>(p + at) = out;
      const Register negative = in < 0 ? in : Register{};
      constants += __builtin_convertvector(negative, DoubleRegister) *
                       __builtin_convertvector(load(relu.offset + at), DoubleRegister) +
                   __builtin_convertvector(out, DoubleRegister) * bias[i];
    }
    *reinterpret_cast<DoubleRegister*>(constant + lane) = constants;
  }
}

void affine_back(int n, const float* p, const double* bias, const float*, double* constant, float*) {
  for (int lane = 0; lane < kLanes; lane += kWidth) {
    DoubleRegister constants = *reinterpret_cast<DoubleRegister*>(constant + lane);
    for (int i = 0; i < n; ++i) {
      const Register in = load(p + static_cast<long>(i) * kLanes + lane);
      constants += __builtin_convertvector(in, DoubleRegister) * bias[i];
    }
    *reinterpret_cast<DoubleRegister*>(constant + lane) = constants;
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
