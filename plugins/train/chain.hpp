// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include <espalier/network.hpp>

namespace espalier::train {

/// A parameter and its gradient: views of a chain's two flat buffers.
struct Parameter {
  at::Tensor value;
  at::Tensor gradient;
};

struct LinearNode {
  Parameter weight;  ///< [out, in]
  Parameter bias;    ///< [out]
};
struct BatchNormNode {
  Parameter gamma;  ///< [width], as all of this node
  Parameter beta;
  at::Tensor mean;  ///< running statistics; not trained
  at::Tensor variance;
  double epsilon = 1e-5;
};
struct ReluNode {};

struct Node {
  std::variant<LinearNode, BatchNormNode, ReluNode> op;
  std::size_t layer;   ///< of the network
  std::int64_t width;  ///< of the output
};

/// A network in the form training wants: a plain sequence, with all parameters in one flat buffer so that an optimiser
/// step is one pass over memory, and batch norm's gammas at its end so that their penalty is one operation.
class Chain {
 public:
  /// Throws Error(unsupported), naming the layer, when the network is not a chain of Linear, BatchNorm, Relu, Flatten.
  Chain(const Network& network, const at::Device& device);

  /// The network with the parameters as they are now.
  Network to_network() const;

  const std::vector<Node>& nodes() const { return nodes_; }
  std::int64_t input_width() const { return input_width_; }
  bool has_batch_norm() const { return gammas_.numel() > 0; }
  const at::Tensor& values() const { return values_; }
  const at::Tensor& gradients() const { return gradients_; }
  /// Tails of the two buffers; empty without batch norm.
  const at::Tensor& gammas() const { return gammas_; }
  const at::Tensor& gamma_gradients() const { return gamma_gradients_; }
  /// 0 where a pruned weight is, else 1; undefined when nothing is pruned.
  const at::Tensor& mask() const { return mask_; }

 private:
  void load_masks();

  Network network_;
  std::int64_t input_width_;
  std::vector<Node> nodes_;
  at::Tensor values_, gradients_, gammas_, gamma_gradients_, mask_;
};

}  // namespace espalier::train
