// SPDX-License-Identifier: Apache-2.0
// With z = y - n for the input of an unstable ReLU, y n = 0 and y, n >= 0, its output is y. From z in [l, u] follow
// y <= u, n <= -l and y / u + n / -l <= 1: the triangle of Ehlers (2017), and what is left of the formulation of Tjeng,
// Xiao & Tedrake (2019) with y <= u d, n <= -l (1 - d) when its binary d may be anything in [0, 1].
#include "encoding.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace espalier::linear {
namespace {

using abstract::AffineMap;
using abstract::Graph;
using abstract::is_unstable;
using abstract::Relaxation;

constexpr std::int32_t kNone = -1;
/// Weights below this share of the largest of a neuron are not given to a solver, which would stumble over them: what
/// they can add widens the row.
constexpr double kNegligible = 0x1p-30;

/// positive column - negative column, where they are.
struct Element {
  std::int32_t positive = kNone;
  std::int32_t negative = kNone;
};

/// Adds factor * element, to what is there of its columns or behind it.
void add(Terms& terms, Element element, double factor) {
  for (const auto& [column, f] : {Term{element.positive, factor}, Term{element.negative, -factor}}) {
    if (column == kNone) continue;
    const auto known =
        std::find_if(terms.begin(), terms.end(), [&, c = column](const Term& t) { return t.column == c; });
    if (known == terms.end()) {
      terms.push_back({column, f});
    } else {
      known->factor += f;
    }
  }
}

class Encoder {
 public:
  explicit Encoder(const Relaxation& relaxation)
      : relaxation_(relaxation), values_(static_cast<std::size_t>(relaxation.last()) + 1) {}

  Encoding run(std::span<const std::size_t> wanted) {
    add_inputs();
    for (int v = 1; v < relaxation_.last(); ++v) add_value(v, all(v));
    const int last = relaxation_.last();
    if (last > 0) add_value(last, {wanted.begin(), wanted.end()});
    for (const std::size_t k : wanted) encoding_.elements.push_back(column_of(last, k));
    return std::move(encoding_);
  }

 private:
  using Elements = std::vector<Element>;

  const Graph& graph() const { return relaxation_.graph(); }
  Elements& at(int value) { return values_[static_cast<std::size_t>(value)]; }
  Interval bounds(int value, std::size_t k) const { return relaxation_.bounds(value)[k]; }

  /// Nothing reads the value but a ReLU that never opens.
  bool is_dead(int value, std::size_t k) const { return graph().feeds_only_relu(value) && bounds(value, k).high <= 0; }

  std::vector<std::size_t> all(int value) const {
    std::vector<std::size_t> elements;
    for (std::size_t k = 0; k < relaxation_.bounds(value).size(); ++k) {
      if (!is_dead(value, k)) elements.push_back(k);
    }
    return elements;
  }

  void add_inputs() {
    for (const Interval& range : relaxation_.bounds(0)) {
      const std::int32_t column = encoding_.program.add_column(range);
      encoding_.inputs.push_back(column);
      at(0).push_back({.positive = column});
    }
  }

  void add_value(int value, const std::vector<std::size_t>& wanted) {
    const Graph::Node& node = graph().node(value);
    at(value).resize(relaxation_.bounds(value).size());
    std::visit(Overloaded{[&](const AffineMap& map) { add_map(value, map, node.inputs[0], wanted); },
                          [&](const Relu&) { add_relu(value, node.inputs[0], wanted); },
                          [&](const Add&) { add_sum(value, node.inputs, wanted); },
                          [&](const Flatten&) { at(value) = at(node.inputs[0]); }},
               node.step);
  }

  /// A column or, at the input of a ReLU that is still to come, a neuron, for what `minus` is the negative of.
  Element define(int value, std::size_t k, Terms minus, Interval constant) {
    const bool meets_relu = graph().feeds_relu(value) && value < relaxation_.last();
    if (meets_relu && is_unstable(bounds(value, k))) return define_neuron(value, k, std::move(minus), constant);
    const Element element{.positive = encoding_.program.add_column(bounds(value, k))};
    add(minus, element, 1);
    encoding_.program.add_row(minus, constant);
    return element;
  }

  Element define_neuron(int value, std::size_t k, Terms minus, Interval constant) {
    const Interval z = bounds(value, k);
    Program& program = encoding_.program;
    const Element element{.positive = program.add_column({0, z.high}), .negative = program.add_column({0, -z.low})};
    add(minus, element, 1);
    program.add_row(minus, constant);
    const Terms chord{{element.positive, -z.low}, {element.negative, z.high}};
    const double limit = std::nextafter(-z.low * z.high, HUGE_VAL);
    encoding_.neurons.push_back({.positive = element.positive,
                                 .negative = element.negative,
                                 .chord = program.add_row(chord, {0, limit}),  // boxed: any basis is dual feasible
                                 .value = value,
                                 .element = k});
    return element;
  }

  void add_map(int value, const AffineMap& map, int from, const std::vector<std::size_t>& wanted) {
    const Elements& in = at(from);
    std::vector<bool> is_wanted(map.bias.size(), false);
    for (const std::size_t k : wanted) is_wanted[k] = true;
    std::vector<double> largest(map.bias.size(), 0);
    for (const abstract::Columns::Term& t : map.weights.terms) {
      double& most = largest[static_cast<std::size_t>(t.row)];
      most = std::max(most, std::abs(t.weight));
    }
    std::vector<Terms> minus(map.bias.size());
    std::vector<double> error = map.bias_error;
    for (std::size_t j = 0; j < in.size(); ++j) {
      const double size = abstract::magnitude(bounds(from, j));
      const auto end = static_cast<std::size_t>(map.weights.start[j + 1]);
      for (auto t = static_cast<std::size_t>(map.weights.start[j]); t < end; ++t) {
        const auto [weight, row] = map.weights.terms[t];
        const auto k = static_cast<std::size_t>(row);
        if (!is_wanted[k]) continue;
        const bool kept = std::abs(weight) > kNegligible * largest[k];
        if (kept) append(minus[k], in[j], -weight);
        error[k] += (kept ? map.weight_error : 1 + map.weight_error) * std::abs(weight) * size;
      }
    }
    for (const std::size_t k : wanted) {
      const double e = error[k] > 0 ? abstract::inflate(error[k]) + abstract::kFloor : 0;
      at(value)[k] = define(value, k, std::move(minus[k]),
                            {abstract::sum_down(map.bias[k], -e), abstract::sum_up(map.bias[k], e)});
    }
  }

  /// As add, when none of the columns is there.
  static void append(Terms& terms, Element element, double factor) {
    if (element.positive != kNone) terms.push_back({element.positive, factor});
    if (element.negative != kNone) terms.push_back({element.negative, -factor});
  }

  void add_sum(int value, const std::vector<int>& from, const std::vector<std::size_t>& wanted) {
    for (const std::size_t k : wanted) {
      Terms minus;
      add(minus, at(from[0])[k], -1);
      add(minus, at(from[1])[k], -1);
      at(value)[k] = define(value, k, std::move(minus), {0, 0});
    }
  }

  void add_relu(int value, int from, const std::vector<std::size_t>& wanted) {
    for (const std::size_t k : wanted) {
      const Interval z = bounds(from, k);
      if (z.high <= 0) continue;
      Element& in = at(from)[k];
      if (is_unstable(z) && in.negative == kNone) {  // a value that a ReLU reads and no row defines: the input, say
        Terms minus;
        add(minus, in, -1);
        in = define_neuron(from, k, std::move(minus), {0, 0});
      }
      at(value)[k] = is_unstable(z) ? Element{.positive = in.positive} : in;
    }
  }

  std::int32_t column_of(int value, std::size_t k) {
    Element& element = at(value)[k];
    if (element.positive == kNone || element.negative != kNone) {
      Terms minus;
      add(minus, element, -1);
      element = {.positive = encoding_.program.add_column(bounds(value, k))};
      add(minus, element, 1);
      encoding_.program.add_row(minus, {0, 0});
    }
    return element.positive;
  }

  const Relaxation& relaxation_;
  std::vector<Elements> values_;
  Encoding encoding_;
};

}  // namespace

Encoding encode(const Relaxation& relaxation, std::span<const std::size_t> elements) {
  return Encoder(relaxation).run(elements);
}

bool is_finite(const Relaxation& relaxation) {
  for (int v = 0; v <= relaxation.last(); ++v) {
    const Intervals& bounds = relaxation.bounds(v);
    const bool finite = std::all_of(bounds.begin(), bounds.end(),
                                    [](Interval x) { return std::isfinite(x.low) && std::isfinite(x.high); });
    if (!finite) return false;
  }
  return true;
}

}  // namespace espalier::linear
