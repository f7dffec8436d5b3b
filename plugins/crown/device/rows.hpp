// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>
#include <crown/domain.hpp>

namespace espalier::crown::device {

/// Domains, one a row of every tensor. Columns are the neurons that may be split.
struct Rows {
  /// Multipliers are kept as halves; every one that is not negative is sound.
  static constexpr double kMostMultiplier = 60'000;

  at::Tensor goal;        ///< int64
  at::Tensor bound;       ///< double, minus the goal's threshold
  at::Tensor loss;        ///< float
  at::Tensor narrow;      ///< int16, see Domain
  at::Tensor variable;    ///< half [n, columns]: the slope of a free neuron, the multiplier of a split one
  at::Tensor order;       ///< int16 [n, columns]: 0 free; +k or -k when the k-th split gave it that sign
  at::Tensor candidates;  ///< int32 [n, candidates]: columns, the most promising first; -1 none

  std::int64_t size() const { return goal.size(0); }
  Rows at(const at::Tensor& index) const;
  /// Bounds last: a row without one does not count.
  void write(const at::Tensor& index, const Rows& from);

  /// Uninitialised.
  static Rows empty(std::int64_t rows, std::int64_t columns, int candidates, const at::Device& device);
  static std::size_t bytes_of_one(std::int64_t columns, int candidates);
  /// `free`: the program's neuron of every column.
  static Rows from_host(const Domains& domains, const std::vector<std::int32_t>& free, int candidates,
                        const at::Device& device);
  Domains to_host(const std::vector<std::int32_t>& free, bool with_slopes, int neurons) const;

  template <class Self>
  static auto fields(Self& self) {
    return std::array{&self.goal, &self.loss, &self.narrow, &self.variable, &self.order, &self.candidates, &self.bound};
  }
};

}  // namespace espalier::crown::device
