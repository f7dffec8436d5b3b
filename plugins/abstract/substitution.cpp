// SPDX-License-Identifier: Apache-2.0
// One pass from a value back to the input. At any time, for all inputs of the box and every row,
//
//   functional >= constant + sum over pending values v of coefficients[v] . v - error,
//
// where the coefficients are the computed numbers. Each step replaces one value by the values it is computed from. The
// sums it forms are off by rounding; `error` collects, per unit of |coefficient|, the slack that the relaxation worked
// out for the step, so that the inequality stays true over the reals.
#include "substitution.hpp"

#include <cmath>
#include <utility>

namespace espalier::abstract {
namespace {

class Pass {
 public:
  Pass(const Relaxation& relaxation, int start, Depth depth)
      : relaxation_(relaxation), start_(start), depth_(depth), pending_(static_cast<std::size_t>(start) + 1) {}

  void add(std::span<const Row> rows) {
    std::vector<Lanes>& at = coefficients(start_);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      for (const RowTerm& term : rows[r]) at[term.element][r] = term.factor;
    }
  }

  Substituted run() {
    std::vector<Lanes> slopes;
    for (int v = start_; v >= 0; --v) {
      std::vector<Lanes> from = std::exchange(pending_[static_cast<std::size_t>(v)], {});
      if (from.empty()) continue;
      if (v == 0 || (depth_ == Depth::nearest_relu && !relaxation_.lines(v).empty())) {
        put_in_bounds(v, from);
        if (v == 0) slopes = std::move(from);
      } else {
        charge(from, relaxation_.slack(v));
        replace(v, from);
      }
    }
    return {low(), std::move(slopes)};
  }

 private:
  std::vector<Lanes>& coefficients(int value) {
    std::vector<Lanes>& at = pending_[static_cast<std::size_t>(value)];
    if (at.empty()) at.resize(static_cast<std::size_t>(relaxation_.graph().size(value)), Lanes{});
    return at;
  }

  void charge(const std::vector<Lanes>& from, const std::vector<double>& slack) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      for (std::size_t r = 0; r < kLanes; ++r) error_[r] += std::abs(from[k][r]) * slack[k];
    }
  }

  void replace(int value, const std::vector<Lanes>& from) {
    const Graph::Node& node = relaxation_.graph().node(value);
    std::visit(Overloaded{[&](const AffineMap& map) {
                            const bool whole = value == start_;  // rows of elements that count as dead further on
                            through(map.bias, whole ? map.weights : relaxation_.live_weights(value), from,
                                    coefficients(node.inputs[0]));
                          },
                          [&](const Relu&) { through(relaxation_.lines(value), from, coefficients(node.inputs[0])); },
                          [&](const Add&) {
                            move(from, coefficients(node.inputs[0]));
                            move(from, coefficients(node.inputs[1]));
                          },
                          [&](const Flatten&) { move(from, coefficients(node.inputs[0])); }},
               node.step);
  }

  /// p y with y = W x + b is (p W) x + p b.
  void through(const std::vector<double>& bias, const Columns& weights, const std::vector<Lanes>& from,
               std::vector<Lanes>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      for (std::size_t r = 0; r < kLanes; ++r) constant_[r] += from[k][r] * bias[k];
    }
    for (std::size_t j = 0; j < to.size(); ++j) {
      Lanes sum = to[j];
      const Columns::Term* const end = weights.terms.data() + weights.start[j + 1];
      for (const Columns::Term* t = weights.terms.data() + weights.start[j]; t != end; ++t) {
        const Lanes& p = from[static_cast<std::size_t>(t->row)];
        for (std::size_t r = 0; r < kLanes; ++r) sum[r] += t->weight * p[r];
      }
      to[j] = sum;
    }
  }

  /// a y with y = max(0, z): the lower line where a > 0, the upper where a < 0. The product a slope is rounded; below,
  /// the rounded slope still lies in [0, 1], above, the offset allows for it.
  void through(const std::vector<ReluLines>& lines, const std::vector<Lanes>& from, std::vector<Lanes>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      const ReluLines line = lines[k];
      for (std::size_t r = 0; r < kLanes; ++r) {
        const double above = std::max(from[k][r], 0.0);
        const double below = std::min(from[k][r], 0.0);
        to[k][r] += above * line.slope_low + below * line.slope_high;
        constant_[r] += below * line.offset;
      }
    }
  }

  static void move(const std::vector<Lanes>& from, std::vector<Lanes>& to) {
    for (std::size_t k = 0; k < from.size(); ++k) {
      for (std::size_t r = 0; r < kLanes; ++r) to[k][r] += from[k][r];
    }
  }

  void put_in_bounds(int value, const std::vector<Lanes>& from) {
    const Intervals& bounds = relaxation_.bounds(value);
    const double gamma = relaxation_.graph().gamma();
    for (std::size_t k = 0; k < from.size(); ++k) {
      const double slack = inflate(gamma * magnitude(bounds[k])) + kFloor;
      for (std::size_t r = 0; r < kLanes; ++r) {
        constant_[r] += std::min(from[k][r] * bounds[k].low, from[k][r] * bounds[k].high);
        error_[r] += std::abs(from[k][r]) * slack;
      }
    }
  }

  Lanes low() const {
    Lanes low{};
    const double underflow = relaxation_.underflow();
    for (std::size_t r = 0; r < kLanes; ++r) {
      low[r] = or_nothing(sum_down(constant_[r], -(inflate(error_[r]) + underflow)));
    }
    return low;
  }

  const Relaxation& relaxation_;
  int start_;
  Depth depth_;
  std::vector<std::vector<Lanes>> pending_;  // by value; empty where nothing was pushed
  Lanes constant_{};
  Lanes error_{};
};

}  // namespace

Substituted substitute(const Relaxation& relaxation, int value, std::span<const Row> rows, Depth depth) {
  Pass pass(relaxation, value, depth);
  pass.add(rows);
  return pass.run();
}

}  // namespace espalier::abstract
