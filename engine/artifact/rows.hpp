// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "artifact/decoding.hpp"

// Result kinds hold rows and are stored as columns, one field a member of a row.
namespace espalier::artifact {

inline constexpr std::int64_t kNoTarget = -1;

/// As many empty rows as the field `image` is long.
template <class Row>
std::vector<Row> rows_in(const Fields& fields) {
  return std::vector<Row>(column<std::int64_t>(fields, "image").size());
}

template <class Row, class T>
void load(const Fields& fields, std::string_view name, std::vector<Row>& rows, T Row::*member) {
  const auto values = column<T>(fields, name, static_cast<std::int64_t>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].*member = values[i];
}

template <class Row>
void load(const Fields& fields, std::string_view name, std::vector<Row>& rows, bool Row::*member) {
  const auto values = column<std::uint8_t>(fields, name, static_cast<std::int64_t>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (values[i] > 1) throw Error(Code::damaged, fmt::format("{}[{}] is {}, not 0 or 1", name, i, values[i]));
    rows[i].*member = values[i] == 1;
  }
}

template <class Row>
void set_targets(Fields& fields, const std::vector<Row>& rows) {
  set_column<std::int64_t>(fields, "target", rows, [](const Row& row) { return row.target.value_or(kNoTarget); });
}

template <class Row>
void load_targets(const Fields& fields, std::vector<Row>& rows) {
  const auto values = column<std::int64_t>(fields, "target", static_cast<std::int64_t>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (values[i] != kNoTarget) rows[i].target = values[i];
  }
}

/// Rows of a question: an image, two different classes, a radius. Written so that NaN fails.
template <class Row>
void require_questions(const std::vector<Row>& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row& row = rows[i];
    const bool classes_fit = row.image >= 0 && row.label >= 0 && row.target.value_or(0) >= 0 && row.target != row.label;
    const bool radius_fits = row.epsilon >= 0 && std::isfinite(row.epsilon);
    if (classes_fit && radius_fits) continue;
    throw Error(Code::internal, fmt::format("row {} asks about image {}, label {}, target {}, epsilon {}", i, row.image,
                                            row.label, row.target.value_or(kNoTarget), row.epsilon));
  }
}

/// Points kept for some of `rows` rows: a tensor of f32 (or f64, see `widest`) with one row each, no row twice.
inline void require_points(std::string_view what, const Tensor& points, const std::vector<std::int64_t>& point_rows,
                           std::size_t rows, DType widest = DType::f32) {
  const auto count = static_cast<std::int64_t>(point_rows.size());
  const bool fits = points.dtype() == DType::f32 || points.dtype() == widest;
  if (!fits || points.rank() == 0 || points.dim(0) != count) {
    throw Error(Code::internal, fmt::format("{} for {} rows are {} {}, but f32 [{}, ...] is needed", what, count,
                                            to_text(points.dtype()), to_text(points.shape()), count));
  }
  std::set<std::int64_t> seen;
  for (const std::int64_t row : point_rows) {
    if (row < 0 || row >= static_cast<std::int64_t>(rows)) {
      throw Error(Code::internal, fmt::format("{} name row {}, but there are {} rows", what, row, rows));
    }
    if (!seen.insert(row).second) throw Error(Code::internal, fmt::format("{} name row {} twice", what, row));
  }
}

}  // namespace espalier::artifact
