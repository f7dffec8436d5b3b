// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace espalier::crown {

/// factors . x + constant
template <class Number>
struct Functional {
  std::vector<Number> factors;
  Number constant{};
};

/// The least value of a functional over the part of the unit cube where others are at least 0, by the dual simplex
/// method with bound flips (Fourer 1994, Maros 2003). In rational numbers the answer is exact; in double it says where
/// to look, and what rests on it has to be shown another way.
template <class Number>
class CubeProgram {
 public:
  enum class End : std::uint8_t { optimal, empty, stopped };

  CubeProgram(Functional<Number> objective, std::vector<Functional<Number>> constraints)
      : objective_(std::move(objective)),
        rows_(std::move(constraints)),
        variables_(objective_.factors.size()),
        flipped_(variables_, false) {
    for (std::size_t j = 0; j < variables_; ++j) columns_.push_back(j);
    for (std::size_t i = 0; i < rows_.size(); ++i) basics_.push_back(variables_ + i);
    for (std::size_t j = 0; j < variables_; ++j) {
      if (objective_.factors[j] < 0) flip_column(j);
    }
  }

  End solve(const std::function<bool()>& may_continue) {
    const std::size_t lively = 4 * (variables_ + rows_.size()) + 64;
    for (std::size_t i = 0;; ++i) {
      const std::optional<std::size_t> row = leaving();
      if (!row) return End::optimal;
      // Ties can make it go round in circles, which the rule of Bland (1977) ends; in double, rounding can, too.
      if (i > lively) careful_ = true;
      if ((kRounds && i > 4 * lively) || !may_continue()) return End::stopped;
      const std::optional<std::size_t> column = entering(*row);
      if (!column) {
        empty_ = row;
        return End::empty;
      }
      pivot(*row, *column);
    }
  }

  /// The least value. Needs: optimal.
  const Number& least() const { return objective_.constant; }
  /// By how much the weighted sum of the constraints stays below 0. Needs: empty.
  Number lack() const { return -rows_[*empty_].constant; }

  /// Where the least value is. Needs: optimal.
  std::vector<Number> point() const {
    std::vector<Number> x(variables_, Number(0));
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (basics_[i] < variables_) x[basics_[i]] = rows_[i].constant;
    }
    for (std::size_t v = 0; v < variables_; ++v) {
      if (flipped_[v]) x[v] = Number(1) - x[v];
    }
    return x;
  }

  /// Weights of the constraints, none below 0: on the whole cube, the objective minus the weighted sum is at least the
  /// least value; if empty, the weighted sum is below 0.
  std::vector<Number> weights() const {
    std::vector<Number> y(rows_.size(), Number(0));
    for (std::size_t j = 0; j < variables_; ++j) {
      if (columns_[j] < variables_) continue;
      const Number weight = empty_ ? Number(-rows_[*empty_].factors[j]) : objective_.factors[j];
      if (weight > 0) y[columns_[j] - variables_] = weight;
    }
    if (empty_ && basics_[*empty_] >= variables_) y[basics_[*empty_] - variables_] = Number(1);
    return y;
  }

 private:
  static constexpr bool kRounds = std::is_floating_point_v<Number>;
  static Number tolerance() { return kRounds ? Number(1e-12) : Number(0); }

  // Every variable outside the basis is 0: one that is at its upper bound is replaced by 1 - it ("flipped").

  void flip_column(std::size_t j) {
    flipped_[columns_[j]] = !flipped_[columns_[j]];
    const auto flip = [j](Functional<Number>& row) {
      row.constant += row.factors[j];
      row.factors[j] = -row.factors[j];
    };
    for (Functional<Number>& row : rows_) flip(row);
    flip(objective_);
  }

  void flip_row(std::size_t i) {
    flipped_[basics_[i]] = !flipped_[basics_[i]];
    for (Number& f : rows_[i].factors) f = -f;
    rows_[i].constant = Number(1) - rows_[i].constant;
  }

  /// A row that is out of its bounds, flipped so that it is below 0: the furthest, or, to be careful, the first.
  std::optional<std::size_t> leaving() {
    std::optional<std::size_t> worst;
    Number most = tolerance();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const Number& value = rows_[i].constant;
      Number by = -value;
      if (basics_[i] < variables_ && value > 1) by = value - Number(1);
      if (careful_ ? by > tolerance() && (!worst || basics_[i] < basics_[*worst]) : by > most) {
        worst = i;
        most = by;
      }
    }
    if (worst && rows_[*worst].constant > 0) flip_row(*worst);
    return worst;
  }

  /// The column that keeps the objective's factors at least 0; those that come sooner and can do without being in the
  /// basis are flipped. Nothing when none can bring the row to 0.
  std::optional<std::size_t> entering(std::size_t r) {
    std::vector<std::size_t> able;
    for (std::size_t j = 0; j < variables_; ++j) {
      if (rows_[r].factors[j] > tolerance()) able.push_back(j);
    }
    std::sort(able.begin(), able.end(), [&](std::size_t a, std::size_t b) {
      const Number of_a = objective_.factors[a] * rows_[r].factors[b];
      const Number of_b = objective_.factors[b] * rows_[r].factors[a];
      return of_a < of_b || (of_a == of_b && columns_[a] < columns_[b]);
    });
    for (const std::size_t j : able) {
      const bool bounded = columns_[j] < variables_;
      if (careful_ || !bounded || !(rows_[r].constant + rows_[r].factors[j] < 0)) return j;
      flip_column(j);
    }
    return std::nullopt;
  }

  void pivot(std::size_t r, std::size_t q) {
    Functional<Number>& row = rows_[r];
    const Number by = Number(1) / row.factors[q];
    for (Number& f : row.factors) f = -f * by;
    row.constant = -row.constant * by;
    row.factors[q] = by;
    std::swap(columns_[q], basics_[r]);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (i != r) substitute(rows_[i], row, q);
    }
    substitute(objective_, row, q);
  }

  static void substitute(Functional<Number>& into, const Functional<Number>& row, std::size_t q) {
    const Number factor = into.factors[q];
    if (factor == 0) return;
    into.factors[q] = Number(0);
    for (std::size_t j = 0; j < row.factors.size(); ++j) {
      if (row.factors[j] != 0) into.factors[j] += factor * row.factors[j];
    }
    into.constant += factor * row.constant;
  }

  Functional<Number> objective_;          ///< of the variables outside the basis
  std::vector<Functional<Number>> rows_;  ///< the variables in the basis, by those outside
  std::size_t variables_;                 ///< numbers [0, variables) are those of the cube, the others constraints
  std::vector<std::size_t> columns_;      ///< the variable of every factor
  std::vector<std::size_t> basics_;       ///< the variable of every row
  std::vector<char> flipped_;
  std::optional<std::size_t> empty_;  ///< the row that cannot be 0
  bool careful_ = false;
};

}  // namespace espalier::crown
