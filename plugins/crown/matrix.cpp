// SPDX-License-Identifier: Apache-2.0
#include "matrix.hpp"

#include <cstddef>
#include <utility>

namespace espalier::crown {
namespace {

/// Below this share of non-zeros, skipping zeros beats multiplying registers without indices.
constexpr double kDenseShare = 0.3;

/// Where each of n elements is in a selection, or -1.
std::vector<std::int32_t> places(std::int64_t n, std::span<const std::int32_t> kept) {
  std::vector<std::int32_t> place(static_cast<std::size_t>(n), -1);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    place[static_cast<std::size_t>(kept[i])] = static_cast<std::int32_t>(i);
  }
  return place;
}

}  // namespace

Matrix::Matrix(const abstract::Columns& columns, std::int64_t rows, std::span<const std::int32_t> kept_rows,
               std::span<const std::int32_t> kept_columns)
    : rows_(static_cast<int>(kept_rows.size())), columns_(static_cast<int>(kept_columns.size())) {
  const std::vector<std::int32_t> row_place = places(rows, kept_rows);
  std::vector<Term> terms;
  for (std::size_t j = 0; j < kept_columns.size(); ++j) {
    const auto column = static_cast<std::size_t>(kept_columns[j]);
    for (auto t = static_cast<std::size_t>(columns.start[column]);
         t < static_cast<std::size_t>(columns.start[column + 1]); ++t) {
      const auto& [weight, row] = columns.terms[t];
      const std::int32_t place = row_place[static_cast<std::size_t>(row)];
      if (place < 0) continue;
      const auto rounded = static_cast<float>(weight);
      inexact_ = inexact_ || static_cast<double>(rounded) != weight;
      terms.push_back({static_cast<std::int32_t>(j), place, rounded});
    }
  }
  backward_ = pack(terms, columns_, rows_);
  for (Term& t : terms) std::swap(t.outer, t.inner);
  forward_ = pack(terms, rows_, columns_);
}

Matrix::Packed Matrix::pack(std::span<const Term> terms, int outer, int inner) {
  Packed out;
  out.outer = outer;
  out.inner = inner;
  if (static_cast<double>(terms.size()) > kDenseShare * static_cast<double>(outer) * static_cast<double>(inner)) {
    const int blocks = (outer + kBlock - 1) / kBlock;
    out.dense = Aligned<float>(static_cast<std::size_t>(blocks) * kBlock * static_cast<std::size_t>(inner));
    out.dense.fill(0);
    for (const Term& t : terms) {
      const std::int64_t block = std::int64_t{t.outer / kBlock} * inner + t.inner;
      out.dense[static_cast<std::size_t>(block * kBlock + t.outer % kBlock)] = t.weight;
    }
    return out;
  }
  out.start.assign(static_cast<std::size_t>(outer) + 1, 0);
  for (const Term& t : terms) ++out.start[static_cast<std::size_t>(t.outer) + 1];
  for (std::size_t i = 0; i < static_cast<std::size_t>(outer); ++i) out.start[i + 1] += out.start[i];
  out.column.resize(terms.size());
  out.weight.resize(terms.size());
  std::vector<std::int64_t> next(out.start.begin(), out.start.end() - 1);
  for (const Term& t : terms) {
    const auto at = static_cast<std::size_t>(next[static_cast<std::size_t>(t.outer)]++);
    out.column[at] = t.inner;
    out.weight[at] = t.weight;
  }
  return out;
}

void Matrix::multiply(const Packed& packed, const float* x, float* y, bool add) {
  if (packed.start.empty()) {
    kernels().dense({packed.dense.data(), packed.outer, packed.inner}, x, y, add);
  } else {
    kernels().sparse({packed.start.data(), packed.column.data(), packed.weight.data(), packed.outer}, x, y, add);
  }
}

}  // namespace espalier::crown
