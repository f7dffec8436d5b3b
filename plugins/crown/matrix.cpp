// SPDX-License-Identifier: Apache-2.0
#include "matrix.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include "normal_float.hpp"

namespace espalier::crown {
namespace {

/// Below this share of non-zeros, skipping zeros beats multiplying registers without indices.
constexpr double kDenseShare = 0.3;
/// The same where rows share their columns, so that indices cost little.
constexpr double kDenseShareOfShared = 0.75;

struct Term {
  std::int32_t outer;
  std::int32_t inner;
  float weight;
};

/// Terms of row i are [start[i], start[i + 1]).
struct Rows {
  std::vector<std::int64_t> start;
  std::vector<std::int32_t> column;
  std::vector<float> weight;

  Rows(std::span<const Term> terms, int outer)
      : start(static_cast<std::size_t>(outer) + 1, 0), column(terms.size()), weight(terms.size()) {
    for (const Term& t : terms) ++start[static_cast<std::size_t>(t.outer) + 1];
    for (std::size_t i = 0; i < static_cast<std::size_t>(outer); ++i) start[i + 1] += start[i];
    std::vector<std::int64_t> next(start.begin(), start.end() - 1);
    for (const Term& t : terms) {
      const auto at = static_cast<std::size_t>(next[static_cast<std::size_t>(t.outer)]++);
      column[at] = t.inner;
      weight[at] = t.weight;
    }
  }
  std::size_t begin(std::int32_t row) const { return static_cast<std::size_t>(start[static_cast<std::size_t>(row)]); }
  std::size_t terms(std::int32_t row) const {
    return static_cast<std::size_t>(start[static_cast<std::size_t>(row) + 1]) - begin(row);
  }
  std::span<const std::int32_t> columns(std::int32_t row) const {
    return std::span(column).subspan(begin(row), terms(row));
  }
};

/// Where each of n elements is in a selection, or -1.
std::vector<std::int32_t> places(std::int64_t n, std::span<const std::int32_t> kept) {
  std::vector<std::int32_t> place(static_cast<std::size_t>(n), -1);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    place[static_cast<std::size_t>(kept[i])] = static_cast<std::int32_t>(i);
  }
  return place;
}

/// Rows whose terms are in the same columns, in the order of the first of each.
std::vector<std::vector<std::int32_t>> rows_alike(const Rows& rows) {
  const auto before = [&](std::int32_t a, std::int32_t b) {
    return std::ranges::lexicographical_compare(rows.columns(a), rows.columns(b));
  };
  std::map<std::int32_t, std::size_t, decltype(before)> known(before);
  std::vector<std::vector<std::int32_t>> alike;
  for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(rows.start.size()); ++i) {
    const auto [at, is_new] = known.try_emplace(i, alike.size());
    if (is_new) alike.emplace_back();
    alike[at->second].push_back(i);
  }
  return alike;
}

void add_group(const Rows& rows, std::span<const std::int32_t> members, Matrix::Packed& out) {
  const std::size_t columns = rows.terms(members[0]);
  out.groups.push_back({static_cast<std::int64_t>(out.row.size()), static_cast<std::int64_t>(out.column.size()),
                        static_cast<std::int64_t>(out.weight.size()), static_cast<std::int32_t>(members.size()),
                        static_cast<std::int32_t>(columns)});
  out.row.insert(out.row.end(), members.begin(), members.end());
  for (std::size_t c = 0; c < columns; ++c) {
    out.column.push_back(rows.column[rows.begin(members[0]) + c]);
    for (const std::int32_t member : members) out.weight.push_back(rows.weight[rows.begin(member) + c]);
  }
}

Matrix::Packed pack_sparse(std::span<const Term> terms, int outer, int inner) {
  Matrix::Packed out;
  out.outer = outer;
  out.inner = inner;
  const Rows rows(terms, outer);
  for (const std::vector<std::int32_t>& alike : rows_alike(rows)) {
    // As even as kBlock allows: 8 rows are 4 and 4, not 6 and 2.
    const std::size_t parts = (alike.size() + kBlock - 1) / kBlock;
    for (std::size_t p = 0; p < parts; ++p) {
      const std::size_t begin = alike.size() * p / parts;
      const std::size_t end = alike.size() * (p + 1) / parts;
      add_group(rows, std::span(alike).subspan(begin, end - begin), out);
    }
  }
  return out;
}

Matrix::Packed pack_dense(std::span<const Term> terms, int outer, int inner) {
  Matrix::Packed out;
  out.outer = outer;
  out.inner = inner;
  const int blocks = (outer + kBlock - 1) / kBlock;
  out.dense = Aligned<float>(static_cast<std::size_t>(blocks) * kBlock * static_cast<std::size_t>(inner));
  out.dense.fill(0);
  for (const Term& t : terms) {
    const std::int64_t block = std::int64_t{t.outer / kBlock} * inner + t.inner;
    out.dense[static_cast<std::size_t>(block * kBlock + t.outer % kBlock)] = t.weight;
  }
  return out;
}

/// Whether rows have enough company for their indices not to count.
bool shares(const Matrix::Packed& packed) {
  return 3 * packed.groups.size() <= packed.row.size();
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
      terms.push_back({static_cast<std::int32_t>(j), place, normal_float(weight)});
    }
  }
  std::vector<Term> across = terms;
  for (Term& t : across) std::swap(t.outer, t.inner);
  const double share = static_cast<double>(terms.size()) / (static_cast<double>(rows_) * static_cast<double>(columns_));
  dense_ = share > kDenseShareOfShared;
  if (!dense_) {
    forward_ = pack_sparse(across, rows_, columns_);
    backward_ = pack_sparse(terms, columns_, rows_);
    dense_ = share > kDenseShare && !(shares(forward_) && shares(backward_));
  }
  if (dense_) {
    forward_ = pack_dense(across, rows_, columns_);
    backward_ = pack_dense(terms, columns_, rows_);
  }
}

void Matrix::reach(const char* chosen_rows, char* chosen_columns) const {
  if (dense_) {
    if (std::any_of(chosen_rows, chosen_rows + rows_, [](char c) { return c != 0; })) {
      std::fill_n(chosen_columns, columns_, 1);
    }
    return;
  }
  for (const RowGroup& g : backward_.groups) {
    const std::int32_t* from = backward_.column.data() + g.column;
    if (std::none_of(from, from + g.columns, [&](std::int32_t r) { return chosen_rows[r] != 0; })) continue;
    for (std::int32_t r = 0; r < g.rows; ++r) chosen_columns[backward_.row[static_cast<std::size_t>(g.row + r)]] = 1;
  }
}

void Matrix::multiply(const Packed& packed, const Chosen& chosen, const float* x, float* y, bool add) {
  if (packed.groups.empty()) {
    kernels().dense({packed.dense.data(), packed.outer, packed.inner}, chosen, x, y, add);
  } else {
    kernels().sparse({packed.groups.data(), packed.row.data(), packed.column.data(), packed.weight.data(),
                      static_cast<int>(packed.groups.size())},
                     chosen, x, y, add);
  }
}

}  // namespace espalier::crown
