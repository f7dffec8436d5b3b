// SPDX-License-Identifier: Apache-2.0
#include "form_matrix.hpp"

#include <cstddef>

namespace espalier::crown {
namespace {

/// Below this share of non-zeros, skipping zeros beats multiplying several rows at once.
constexpr double kDenseShare = 0.4;

std::size_t padded(std::int64_t rows) {
  return static_cast<std::size_t>((rows + kFormBlock - 1) / kFormBlock * kFormBlock);
}

}  // namespace

FormMatrix::FormMatrix(const abstract::Columns& columns, std::int64_t rows)
    : outer_(static_cast<int>(rows)), inner_(static_cast<int>(columns.start.size()) - 1) {
  const auto terms = static_cast<double>(columns.terms.size());
  is_dense_ = terms > kDenseShare * static_cast<double>(outer_) * static_cast<double>(inner_);
  const auto inner = static_cast<std::size_t>(inner_);
  if (is_dense_) {
    packed_ = Aligned<double>(padded(rows) * inner);
    packed_.fill(0);
  } else {
    columns_ = columns;
    start_.assign(static_cast<std::size_t>(outer_) + 1, 0);
    for (const auto& term : columns.terms) ++start_[static_cast<std::size_t>(term.row) + 1];
    for (std::size_t i = 1; i < start_.size(); ++i) start_[i] += start_[i - 1];
    column_.resize(columns.terms.size());
    weight_.resize(columns.terms.size());
  }
  std::vector<std::int64_t> next = start_;
  for (std::size_t j = 0; j < inner; ++j) {
    for (auto t = static_cast<std::size_t>(columns.start[j]); t < static_cast<std::size_t>(columns.start[j + 1]); ++t) {
      const auto row = static_cast<std::size_t>(columns.terms[t].row);
      if (is_dense_) {
        packed_[(row / kFormBlock * inner + j) * kFormBlock + row % kFormBlock] = columns.terms[t].weight;
      } else {
        const auto place = static_cast<std::size_t>(next[row]++);
        column_[place] = static_cast<std::int32_t>(j);
        weight_[place] = columns.terms[t].weight;
      }
    }
  }
}

void FormMatrix::multiply(LiveElements live, int columns, FormRows x, FormRows y) const {
  if (is_dense_) {
    form_kernels().dense(dense(), live, columns, x, y);
  } else {
    form_kernels().sparse(sparse(), columns, x, y);
  }
}

void FormMatrix::multiply_sizes(LiveElements live, const double* x, double* y) const {
  if (is_dense_) {
    form_kernels().dense_sizes(dense(), live, x, y);
  } else {
    form_kernels().sparse_sizes(sparse(), x, y);
  }
}

void FormMatrix::column(std::int32_t column, double factor, double* y, long stride) const {
  if (is_dense_) {
    for (int row = 0; row < outer_; ++row) {
      const long at = (static_cast<long>(row / kFormBlock) * inner_ + column) * kFormBlock + row % kFormBlock;
      y[row * stride] = packed_[static_cast<std::size_t>(at)] * factor;
    }
    return;
  }
  for (int row = 0; row < outer_; ++row) y[row * stride] = 0;
  const auto j = static_cast<std::size_t>(column);
  for (auto t = static_cast<std::size_t>(columns_.start[j]); t < static_cast<std::size_t>(columns_.start[j + 1]); ++t) {
    y[columns_.terms[t].row * stride] = columns_.terms[t].weight * factor;
  }
}

}  // namespace espalier::crown
