// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <ATen/core/Tensor.h>

#include "rows.hpp"

namespace espalier::crown::device {

/// The open domains of a search. Rows are taken and written one by one, so that nothing is moved; unused ones have an
/// infinite bound.
class Store {
 public:
  Store(std::int64_t columns, int candidates, std::size_t memory, const at::Device& device);

  std::int64_t open() const { return capacity_ - free_count_; }
  std::int64_t room() const { return free_count_; }
  /// Makes room for so many more if memory allows. When it does not, room stays as it is from then on.
  void reserve(std::int64_t more);
  /// More than half of the memory is in use.
  bool is_filling() const { return full_ && 2 * open() > capacity_; }

  /// Up to `most` open rows: those with the worst bounds, or with the best.
  at::Tensor choose(std::int64_t most, bool worst) const;
  /// All open rows, without any memory of the device.
  Rows on_host() const;
  Rows at(const at::Tensor& rows) const { return rows_.at(rows); }
  void remove(const at::Tensor& rows);
  /// Needs: room.
  void put(const Rows& rows);
  double worst() const;

 private:
  void grow(std::int64_t capacity);

  std::int64_t columns_;
  int candidates_;
  at::Device device_;
  std::int64_t most_;  ///< rows that memory allows
  std::int64_t capacity_ = 0;
  std::int64_t free_count_ = 0;
  bool full_ = false;
  Rows rows_;
  at::Tensor free_;  ///< the first free_count_ are the unused rows
};

}  // namespace espalier::crown::device
