// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The bridge to LibTorch (target espalier::torch). The rest of the public surface knows nothing about it. Includes as
/// little of ATen as it can: include <ATen/ATen.h> in a .cpp that calls operations.

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/stage.hpp>
#include <espalier/tensor.hpp>

namespace espalier::inline v1 {

/// First thing in the body of every stage that uses LibTorch: gives this thread the number of threads of the node,
/// gradients on, inference mode off, and puts all of that back when it goes. The stage may run on a thread whose last
/// user left other settings behind. Deterministic algorithms are switched on for the whole process. [node body]
class ESPALIER_API TorchScope {
 public:
  /// Throws Error when the node's device is not there.
  explicit TorchScope(const Context& ctx, std::uint64_t seed = 0);
  ~TorchScope();
  TorchScope(const TorchScope&) = delete;
  TorchScope& operator=(const TorchScope&) = delete;

  const at::Device& device() const;
  /// Of this stage alone, seeded by the constructor. It lives on the CPU whatever the device is: draw there and move
  /// the result, then a seed means the same numbers everywhere. Never use LibTorch's default generator, it is shared.
  at::Generator& generator();

 private:
  struct Settings;
  std::unique_ptr<Settings> settings_;
};

/// A copy as a LibTorch tensor of the same type and shape.
ESPALIER_API at::Tensor to_torch(const Tensor& tensor, const at::Device& device = at::kCPU);
/// A copy as a tensor of ours, from any device. Throws Error for element types that artifacts do not have.
ESPALIER_API Tensor from_torch(const at::Tensor& tensor);

/// The images of a split as float32 [n, channels, height, width], each pixel the float division byte / 255.
ESPALIER_API at::Tensor images_as_float(const Split& split, const at::Device& device = at::kCPU);

/// A network with its weights on a device, to be applied many times.
class ESPALIER_API TorchNetwork {
 public:
  explicit TorchNetwork(const Network& network, const at::Device& device = at::kCPU, at::ScalarType type = at::kFloat);

  /// The network's output for a batch: `x` is [n, ...input shape] or [n, pixels] on the same device, of the same type.
  /// Batch norm uses its stored statistics. Gradients flow to `x` when it asks for them; weights never ask.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  struct Step {
    Op op;
    std::vector<int> inputs;
    std::vector<at::Tensor> weights;  ///< in the order of the op's fields, masks left out
  };
  Shape input_shape_;
  std::vector<Step> steps_;
};

/// The network's output for one batch, with the device and the type of `x`.
ESPALIER_API at::Tensor forward(const Network& network, const at::Tensor& x);

/// Share of a split that is given its label: 0 when the split is empty. A tie goes to the first of the classes, as in
/// espalier::argmax; an output that holds a NaN is wrong.
ESPALIER_API double accuracy(const TorchNetwork& network, const Split& split, const at::Device& device = at::kCPU);

}  // namespace espalier::inline v1
