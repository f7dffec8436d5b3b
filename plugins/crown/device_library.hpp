// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "device.hpp"

namespace espalier::crown {

/// Where a search runs: with the kernels of this library on the CPU, or on a device of LibTorch, whose library is
/// loaded when it is first needed.
class Device {
 public:
  /// "cpu": the own kernels. "cuda" or "cuda:1": that GPU. "torch-cpu": what GPUs do, on the CPU, for tests. Throws
  /// Error when there is no such device here.
  static Device named(std::string_view name);
  /// "auto": what `given`, the node's device, says, and the own kernels when LibTorch has no such device.
  static Device chosen(std::string_view name, std::string_view given);

  /// One that is there already; borrowed.
  explicit Device(const DeviceMaker& maker) : gpu_(kGiven), given_(&maker) {}
  Device() = default;

  /// All that can be named here, without "auto". Loads the library if there is one.
  static std::vector<std::string> names();

  bool is_own() const { return gpu_ == kOwn; }
  /// Nobody asked for this very device: what is decided at once by the own kernels need not wait for it.
  bool is_optional() const { return optional_; }
  /// Null: use the own kernels. Loads the library.
  const DeviceMaker* maker() const;

 private:
  static constexpr int kOwn = -2;
  static constexpr int kTorchCpu = -1;
  static constexpr int kGiven = -3;

  int gpu_ = kOwn;
  bool optional_ = false;
  const DeviceMaker* given_ = nullptr;
};

}  // namespace espalier::crown
