// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <crown/device.hpp>

namespace espalier::crown::device {

/// A matrix that multiplies rows of numbers from both sides. Products are plain sums of float products in some order:
/// what the error terms of Program rely on.
class Product {
 public:
  Product(const DeviceProblem::Edge& edge, std::int64_t rows, std::int64_t columns, const at::Device& device);
  /// y (+)= x W^T: [n, columns] to [n, rows].
  void forward(const at::Tensor& x, at::Tensor y, bool add) const;
  /// a (+)= p W: [n, rows] to [n, columns].
  void backward(const at::Tensor& p, at::Tensor a, bool add) const;

 private:
  at::Tensor dense_;                ///< [rows, columns]
  at::Tensor sparse_, transposed_;  ///< instead, where most is 0
};

/// A problem's numbers on a device. All values but the input stand side by side, so that what is done element by
/// element is done for all at once; the input is padded with zeros to a multiple of kGroup.
struct Model {
  static constexpr std::int64_t kGroup = 8;

  struct Value {
    std::int64_t begin = 0;
    std::int64_t size = 0;
    bool relu = false;
    struct Edge {
      int source;
      Product product;
    };
    std::vector<Edge> edges;
  };

  Model(const DeviceProblem& problem, const at::Device& device);

  at::Tensor part(const at::Tensor& all, int value) const;
  at::Device device() const { return centre.device(); }
  int last() const { return static_cast<int>(values.size()) - 1; }

  std::vector<Value> values;  ///< the first is the input; `edges` empty where goals do not depend on it
  std::vector<bool> used;
  std::int64_t inputs = 0;                            ///< with padding
  std::int64_t real_inputs = 0;                       ///< without
  std::int64_t elements = 0;                          ///< of all other values
  at::Tensor centre, radius;                          ///< [inputs]
  at::Tensor bias;                                    ///< [elements], double
  at::Tensor rounded_bias, slack, low, high, offset;  ///< [elements]
  std::vector<std::int32_t> free;                     ///< the program's neuron of every column
  at::Tensor columns;                                 ///< where they stand among the elements
  at::Tensor free_high, free_offset;                  ///< of these
  at::Tensor goals;                                   ///< [goals, size of the last value]
  at::Tensor thresholds;                              ///< double
  double underflow = 0;
  double error_scale = 1;
  int neurons = 0;

 private:
  void note_used(const DeviceProblem& problem);
  void add_values(const DeviceProblem& problem, const at::Device& device);
  void add_input(const DeviceProblem& problem, const at::Device& device);
  void add_neurons(const DeviceProblem& problem, const at::Device& device);
};

}  // namespace espalier::crown::device
