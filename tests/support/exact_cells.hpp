// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <espalier/property.hpp>

#include "support/exact_network.hpp"
#include "support/fraction.hpp"

namespace espalier::testing {

using exact::Dyadic;

/// A box over the reals; may be empty.
struct RealBox {
  std::vector<Dyadic> low;
  std::vector<Dyadic> high;

  bool empty() const {
    for (std::size_t i = 0; i < low.size(); ++i) {
      if (high[i] < low[i]) return true;
    }
    return false;
  }
  bool contains(std::span<const double> x) const {
    for (std::size_t i = 0; i < low.size(); ++i) {
      if (!(low[i] <= Dyadic(x[i]) && Dyadic(x[i]) <= high[i])) return false;
    }
    return true;
  }
};

/// A network on a box, cut into simplices on which it is linear: whatever holds for linear functions of the outputs can
/// be read off their corners, exactly. Any network whose numbers are rational, of few inputs and few neurons.
class ExactCells {
 public:
  ExactCells(const Network& network, const RealBox& box) : network_(network), exact_(network) {
    if (box.empty()) return;
    triangulate(box);
    for (const Layer& layer : network.layers()) {
      if (!std::holds_alternative<Relu>(layer.op)) continue;
      const auto value = static_cast<std::size_t>(layer.inputs[0]);
      const auto neurons = static_cast<std::size_t>(element_count(network.value_shape(layer.inputs[0])));
      for (std::size_t k = 0; k < neurons; ++k) {
        cells_ = cut(cells_, [=](const Corner& c) { return c.values[value][k]; });
      }
    }
  }

  std::size_t size() const { return cells_.size(); }

  /// Whether some point of the box meets all constraints.
  bool meets(const std::vector<OutputConstraint>& constraints) const {
    std::vector<Cell> left = cells_;
    for (const OutputConstraint& constraint : constraints) {
      if (std::isinf(constraint.limit) && constraint.limit > 0) continue;
      if (std::isinf(constraint.limit)) return false;
      left = below_zero(left, [&](const Corner& c) { return excess(constraint, c.values.back()); });
    }
    return !left.empty();
  }

  /// The smallest left side minus limit of a constraint over the box, and how many corners have it; nothing for an
  /// empty box.
  std::optional<Fraction> smallest(const OutputConstraint& constraint) const {
    std::optional<Fraction> least;
    for (const Cell& cell : cells_) {
      for (const auto& corner : cell) {
        const Fraction here = excess(constraint, corner->values.back());
        if (!least || here < *least) least = here;
      }
    }
    return least;
  }

 private:
  struct Corner {
    std::vector<Fraction> x;
    std::vector<std::vector<Fraction>> values;  ///< of the network at x
  };
  using Cell = std::vector<std::shared_ptr<const Corner>>;
  using Function = std::function<Fraction(const Corner&)>;

  static Fraction excess(const OutputConstraint& constraint, const std::vector<Fraction>& y) {
    Fraction sum(-constraint.limit);
    for (const auto& term : constraint.terms) {
      sum += Fraction(term.factor) * y[static_cast<std::size_t>(term.output)];
    }
    return sum;
  }

  std::shared_ptr<const Corner> corner(std::vector<Fraction> x) const {
    auto values = exact_.values(x);
    return std::make_shared<const Corner>(Corner{std::move(x), std::move(values)});
  }

  /// Kuhn's: a simplex for every order in which the axes are walked from the lowest corner to the highest.
  void triangulate(const RealBox& box) {
    std::vector<std::size_t> axes;
    for (std::size_t i = 0; i < box.low.size(); ++i) {
      if (box.low[i] < box.high[i]) axes.push_back(i);
    }
    do {
      std::vector<Dyadic> x = box.low;
      Cell cell{corner(Fraction::over(x, Dyadic(1)))};
      for (const std::size_t axis : axes) {
        x[axis] = box.high[axis];
        cell.push_back(corner(Fraction::over(x, Dyadic(1))));
      }
      cells_.push_back(std::move(cell));
    } while (std::next_permutation(axes.begin(), axes.end()));
  }

  /// The point between two corners where a linear function, of other signs at them, is 0.
  std::shared_ptr<const Corner> crossing(const Corner& a, const Fraction& at_a, const Corner& b,
                                         const Fraction& at_b) const {
    const Dyadic weight_a = exact::abs(at_b.numerator()) * at_a.denominator();
    const Dyadic weight_b = exact::abs(at_a.numerator()) * at_b.denominator();
    const Dyadic over_a = a.x[0].denominator();
    const Dyadic over_b = b.x[0].denominator();
    std::vector<Dyadic> numbers{(weight_a + weight_b) * over_a * over_b};
    for (std::size_t i = 0; i < a.x.size(); ++i) {
      numbers.push_back(weight_a * over_b * a.x[i].numerator() + weight_b * over_a * b.x[i].numerator());
    }
    reduce(numbers);
    const Dyadic denominator = numbers[0];
    numbers.erase(numbers.begin());
    return corner(Fraction::over(std::move(numbers), denominator));
  }

  /// Divides by what the mantissas have in common.
  static void reduce(std::vector<Dyadic>& numbers) {
    exact::Integer common = 0;
    for (Dyadic& x : numbers) {
      x.reduce();
      common = gcd(common, x.mantissa());
    }
    for (Dyadic& x : numbers) x = Dyadic(x.mantissa() / common, x.exponent());
  }

  /// The same points in cells on which a function keeps its sign. Needs: it is linear on every cell.
  std::vector<Cell> cut(std::vector<Cell> open, const Function& f) const {
    std::vector<Cell> done;
    while (!open.empty()) {
      Cell cell = std::move(open.back());
      open.pop_back();
      std::vector<Fraction> at;
      for (const auto& c : cell) at.push_back(f(*c));
      const auto below = std::find_if(at.begin(), at.end(), [](const Fraction& v) { return v.sign() < 0; });
      const auto above = std::find_if(at.begin(), at.end(), [](const Fraction& v) { return v.sign() > 0; });
      if (below == at.end() || above == at.end()) {
        done.push_back(std::move(cell));
        continue;
      }
      const auto low = static_cast<std::size_t>(below - at.begin());
      const auto high = static_cast<std::size_t>(above - at.begin());
      const auto between = crossing(*cell[low], *below, *cell[high], *above);
      Cell other = cell;
      cell[low] = between;
      other[high] = between;
      open.push_back(std::move(cell));
      open.push_back(std::move(other));
    }
    return done;
  }

  /// The points of the cells where a function is at most 0. Needs: it is linear on every cell.
  std::vector<Cell> below_zero(const std::vector<Cell>& cells, const Function& f) const {
    std::vector<Cell> kept;
    for (Cell& cell : cut(cells, f)) {
      Cell face;  // of a cell above 0, where it touches 0
      bool below = false;
      for (const auto& c : cell) {
        const int sign = f(*c).sign();
        below = below || sign < 0;
        if (sign == 0) face.push_back(c);
      }
      if (below) kept.push_back(std::move(cell));
      if (!below && !face.empty()) kept.push_back(std::move(face));
    }
    return kept;
  }

  const Network& network_;
  ExactNetwork<Fraction> exact_;
  std::vector<Cell> cells_;
};

}  // namespace espalier::testing
