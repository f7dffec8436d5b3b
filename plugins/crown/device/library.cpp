// SPDX-License-Identifier: Apache-2.0
// What the library exports.
#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <utility>

#include <ATen/Context.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/full.h>
#include <ATen/ops/mm.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "trees.hpp"

namespace espalier::crown::device {
namespace {

/// The error terms know no other rounding of products than float's. TF32 and its like round factors to 10 bits.
void require_whole_products(const at::Device& device) {
  // Asked for once by LibTorch, at its first product; stages that train need it (see TorchScope).
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  ::setenv("NVIDIA_TF32_OVERRIDE", "0", /*overwrite=*/1);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  const c10::InferenceMode mode(true);
  const at::Tensor fine = at::full({256, 256}, 1 + 0x1p-23, at::TensorOptions(at::kFloat).device(device));
  const at::Tensor same = at::mm(fine, at::eye(256, fine.options()));
  if (at::globalContext().allowTF32CuBLAS() || !same.equal(fine)) {
    throw std::runtime_error(
        "matrix products on this device drop digits of floats (TF32), which proofs cannot use; unset "
        "NVIDIA_TF32_OVERRIDE "
        "and TORCH_ALLOW_TF32_CUBLAS_OVERRIDE");
  }
}

/// What LibTorch says, without its trace of calls.
std::runtime_error plain(const c10::Error& e) {
  return std::runtime_error(e.what_without_backtrace());
}

/// Nothing but std::runtime_error and DeviceFull leaves the library.
template <class Work>
auto guarded(const Work& work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError&) {
    throw DeviceFull();
  } catch (const c10::Error& e) {
    throw plain(e);
  }
}

class Guarded final : public DeviceTrees {
 public:
  explicit Guarded(std::unique_ptr<DeviceTrees> trees) : trees_(std::move(trees)) {}
  void put(const Domains& domains) override {
    guarded([&] { trees_->put(domains); });
  }
  std::int64_t open() const override { return trees_->open(); }
  DeviceRound round(std::int64_t parents) override {
    return guarded([&] { return trees_->round(parents); });
  }
  std::int64_t most_parents() const override { return trees_->most_parents(); }
  double worst() const override {
    return guarded([&] { return trees_->worst(); });
  }
  double closed_bound() const override {
    return guarded([&] { return trees_->closed_bound(); });
  }
  Domains open_domains() const override {
    return guarded([&] { return trees_->open_domains(); });
  }

 private:
  std::unique_ptr<DeviceTrees> trees_;
};

class Maker final : public DeviceMaker {
 public:
  explicit Maker(const at::Device& device) : device_(device) {}
  DeviceTrees* make_trees(const DeviceProblem& problem, const DeviceOptions& options) const override {
    const c10::InferenceMode mode(true);
    return guarded([&] { return new Guarded(std::make_unique<Trees>(problem, options, device_)); });
  }

 private:
  at::Device device_;
};

const DeviceMaker* open(int gpu) {
  const at::Device device = gpu < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, static_cast<at::DeviceIndex>(gpu));
  require_whole_products(device);
  return new Maker(device);  // lives as long as the process, as LibTorch does
}

}  // namespace
}  // namespace espalier::crown::device

#define ESPALIER_EXPORTED extern "C" __attribute__((visibility("default")))

ESPALIER_EXPORTED int espalier_crown_count_gpus() {
  if (!c10::impl::hasDeviceGuardImpl(c10::DeviceType::CUDA)) return -1;
  return static_cast<int>(c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA)->deviceCount());
}

ESPALIER_EXPORTED const espalier::crown::DeviceMaker* espalier_crown_open_device(int gpu, char* failure,
                                                                                 std::size_t failure_size) {
  const auto fail = [&](const char* why) {
    std::strncpy(failure, why, failure_size - 1);
    failure[failure_size - 1] = 0;
    return nullptr;
  };
  try {
    return espalier::crown::device::open(gpu);
  } catch (const c10::Error& e) {
    return fail(e.what_without_backtrace());
  } catch (const std::exception& e) {
    return fail(e.what());
  }
}
