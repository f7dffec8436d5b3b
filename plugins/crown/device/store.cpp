// SPDX-License-Identifier: Apache-2.0
#include "store.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include <ATen/ops/arange.h>
#include <c10/util/Exception.h>

namespace espalier::crown::device {
namespace {

constexpr double kUnused = std::numeric_limits<double>::infinity();
constexpr std::int64_t kFewestRows = 1024;

}  // namespace

Store::Store(std::int64_t columns, int candidates, std::size_t memory, const at::Device& device)
    : columns_(columns),
      candidates_(candidates),
      device_(device),
      most_(std::max(kFewestRows, static_cast<std::int64_t>(memory / Rows::bytes_of_one(columns, candidates)))) {
  grow(kFewestRows);
}

void Store::reserve(std::int64_t more) {
  while (!full_ && 2 * (open() + more) > capacity_) {
    if (2 * capacity_ > most_) {
      full_ = true;
      return;
    }
    try {
      grow(2 * capacity_);
    } catch (const c10::OutOfMemoryError&) {
      full_ = true;
    }
  }
}

void Store::grow(std::int64_t capacity) {
  Rows rows = Rows::empty(capacity, columns_, candidates_, device_);
  const at::Tensor unused = at::arange(capacity_, capacity, at::TensorOptions(at::kLong).device(device_));
  rows.bound.fill_(kUnused);
  if (capacity_ > 0) {
    const auto to = Rows::fields(rows);
    const auto from = Rows::fields(rows_);
    for (std::size_t i = 0; i < to.size(); ++i) to[i]->narrow(0, 0, capacity_).copy_(*from[i]);
  }
  at::Tensor free = at::arange(capacity, unused.options());
  if (free_count_ > 0) free.narrow(0, 0, free_count_).copy_(free_.narrow(0, 0, free_count_));
  free.narrow(0, free_count_, unused.size(0)).copy_(unused);
  rows_ = std::move(rows);
  free_ = std::move(free);
  free_count_ += capacity - capacity_;
  capacity_ = capacity;
}

at::Tensor Store::choose(std::int64_t most, bool worst) const {
  const std::int64_t count = std::min(most, open());
  if (worst) return std::get<1>(rows_.bound.topk(count, 0, /*largest=*/false, /*sorted=*/false));
  const at::Tensor bounds = rows_.bound.masked_fill(rows_.bound.eq(kUnused), -kUnused);
  // A bound may be -infinity, too, when nothing is known: the lowest finite number keeps it apart from unused rows.
  const at::Tensor apart = bounds.masked_fill(rows_.bound.eq(-kUnused), std::numeric_limits<double>::lowest());
  return std::get<1>(apart.topk(count, 0, /*largest=*/true, /*sorted=*/false));
}

Rows Store::on_host() const {
  Rows rows;
  const auto to = Rows::fields(rows);
  const auto from = Rows::fields(rows_);
  for (std::size_t i = 0; i < to.size(); ++i) *to[i] = from[i]->cpu();
  return rows.at(rows.bound.ne(kUnused).nonzero().flatten());
}

void Store::remove(const at::Tensor& rows) {
  free_.narrow(0, free_count_, rows.size(0)).copy_(rows);
  rows_.bound.index_fill_(0, rows, kUnused);  // last: when memory does not suffice, they are all still there
  free_count_ += rows.size(0);
}

void Store::put(const Rows& rows) {
  const std::int64_t count = rows.size();
  if (count == 0) return;
  TORCH_CHECK(count <= free_count_, "no room for ", count, " domains");
  rows_.write(free_.narrow(0, free_count_ - count, count), rows);
  free_count_ -= count;
}

double Store::worst() const {
  return open() == 0 ? kUnused : rows_.bound.min().item<double>();
}

}  // namespace espalier::crown::device
