// SPDX-License-Identifier: Apache-2.0
// With z = y - n for the input of an unstable ReLU, y n = 0 and y, n >= 0, its output is y. From z in [l, u] follow
// y <= u, n <= -l and y / u + n / -l <= 1: the triangle of Ehlers (2017), and what is left of the formulation of Tjeng,
// Xiao & Tedrake (2019) with y <= u d, n <= -l (1 - d) when its binary d may be anything in [0, 1].
#include "encoding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "units.hpp"

namespace espalier::linear {
namespace {

using abstract::AffineMap;
using abstract::Graph;
using abstract::is_unstable;
using abstract::Relaxation;

constexpr std::int32_t kNone = -1;
/// What adds less than this share of the most that an input of a neuron can add is not given to a solver, which would
/// stumble over it: it widens the row.
constexpr double kNegligible = 0x1p-30;

/// offset + positive column - negative column, where they are.
struct Element {
  std::int32_t positive = kNone;
  std::int32_t negative = kNone;
  double offset = 0;
};

/// Inputs of sizes from the inverse of this to this stay as they are, and leave rows exact.
constexpr double kOrdinary = 0x1p10;

/// The middle of an input far from 0, which would leave its width no digits; 0 of others.
double offset_of(Interval range) {
  return abstract::magnitude(range) > kOrdinary ? range.low / 2 + range.high / 2 : 0;
}

/// constant + factor * offset, whatever rounding does.
Interval moved(Interval constant, double factor, double offset) {
  if (offset == 0) return constant;
  const double product = factor * offset;
  return {abstract::sum_down(constant.low, std::nextafter(product, -HUGE_VAL)),
          abstract::sum_up(constant.high, std::nextafter(product, HUGE_VAL))};
}

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
    for (const std::size_t k : wanted) encoding_.elements.push_back(place_of(last, k));
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
      const double offset = offset_of(range);
      const Interval width{abstract::sum_down(range.low, -offset), abstract::sum_up(range.high, -offset)};
      const double size = abstract::magnitude(width);
      const double unit = size > kOrdinary || size < 1 / kOrdinary ? unit_of(size) : 1;
      const std::int32_t column = add_column(width, unit);
      encoding_.inputs.push_back({.column = column, .offset = offset, .unit = unit});
      at(0).push_back({.positive = column, .negative = kNone, .offset = offset});
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
    const Interval range = bounds(value, k);
    const Element element{.positive = add_column(range, unit_of(abstract::magnitude(range)))};
    add(minus, element, 1);
    add_row(std::move(minus), constant);
    return element;
  }

  Element define_neuron(int value, std::size_t k, Terms minus, Interval constant) {
    const Interval z = bounds(value, k);
    const double unit = unit_of(abstract::magnitude(z));
    const Element element{.positive = add_column({0, z.high}, unit), .negative = add_column({0, -z.low}, unit)};
    add(minus, element, 1);
    add_row(std::move(minus), constant);
    const double highest = high(element.positive);
    const double lowest = high(element.negative);
    const Terms chord{{element.positive, lowest}, {element.negative, highest}};
    const double limit = std::nextafter(highest * lowest, HUGE_VAL);
    encoding_.neurons.push_back(
        {.positive = element.positive,
         .negative = element.negative,
         .chord = encoding_.program.add_row(chord, {0, limit}),  // boxed: any basis is dual feasible
         .unit = unit,
         .value = value,
         .element = k});
    return element;
  }

  double high(std::int32_t column) const { return encoding_.program.columns()[static_cast<std::size_t>(column)].high; }

  std::int32_t add_column(Interval bounds, double unit) {
    units_.push_back(unit);
    return encoding_.program.add_column({scaled_down(bounds.low, 1 / unit), scaled_up(bounds.high, 1 / unit)});
  }

  /// A row in the network's units. What underflows in the columns' and the row's own is left out, and widens it.
  void add_row(Terms terms, Interval range) {
    double largest = 0;
    for (const Term& t : terms) largest = std::max(largest, std::abs(t.factor * unit(t)));
    const double scale = 1 / unit_of(largest);
    double lost = 0;
    const auto dropped = std::erase_if(terms, [&](Term& t) {
      const double in_unit = t.factor * unit(t);
      const double factor = in_unit * scale;
      const bool is_exact = in_unit / unit(t) == t.factor && factor / scale == in_unit;
      if (!is_exact) lost += ((std::abs(in_unit) + kTiny) * scale + kTiny) * size(t);
      t.factor = factor;
      return !is_exact;
    });
    if (dropped > 0) lost = abstract::inflate(lost) + abstract::kFloor;  // products may underflow, too
    encoding_.program.add_row(terms, {abstract::sum_down(scaled_down(range.low, scale), -lost),
                                      abstract::sum_up(scaled_up(range.high, scale), lost)});
  }

  double unit(const Term& t) const { return units_[static_cast<std::size_t>(t.column)]; }
  double size(const Term& t) const {
    return abstract::magnitude(encoding_.program.columns()[static_cast<std::size_t>(t.column)]);
  }

  void add_map(int value, const AffineMap& map, int from, const std::vector<std::size_t>& wanted) {
    const Elements& in = at(from);
    std::vector<bool> is_wanted(map.bias.size(), false);
    for (const std::size_t k : wanted) is_wanted[k] = true;
    std::vector<double> largest(map.bias.size(), 0);
    for_each_weight(map, from, [&](std::size_t, double weight, std::size_t k, double size) {
      largest[k] = std::max(largest[k], std::abs(weight) * size);
    });
    std::vector<Terms> minus(map.bias.size());
    std::vector<double> error = map.bias_error;
    Intervals constant;
    for (const double bias : map.bias) constant.push_back({bias, bias});
    for_each_weight(map, from, [&](std::size_t j, double weight, std::size_t k, double size) {
      if (!is_wanted[k]) return;
      const bool kept = std::abs(weight) * size > kNegligible * largest[k];
      if (kept) {
        append(minus[k], in[j], -weight);
        constant[k] = moved(constant[k], weight, in[j].offset);
      }
      const double doubt = kept ? map.weight_error : 1 + map.weight_error;
      if (doubt > 0 && size > 0 && weight != 0)
        error[k] += doubt * std::abs(weight) * size + kTiny;  // which may underflow
    });
    for (const std::size_t k : wanted) {
      const double e = error[k] > 0 ? abstract::inflate(error[k]) + abstract::kFloor : 0;
      at(value)[k] = define(value, k, std::move(minus[k]),
                            {abstract::sum_down(constant[k].low, -e), abstract::sum_up(constant[k].high, e)});
    }
  }

  /// visit(j, weight, k, size): weight * element j of a value, whose size that is at most, goes into element k.
  template <class Visit>
  void for_each_weight(const AffineMap& map, int from, const Visit& visit) const {
    for (std::size_t j = 0; j + 1 < map.weights.start.size(); ++j) {
      const double size = abstract::magnitude(bounds(from, j));
      const auto end = static_cast<std::size_t>(map.weights.start[j + 1]);
      for (auto t = static_cast<std::size_t>(map.weights.start[j]); t < end; ++t) {
        const auto [weight, row] = map.weights.terms[t];
        visit(j, weight, static_cast<std::size_t>(row), size);
      }
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
      Interval constant{0, 0};
      for (const int side : from) {
        if (abstract::magnitude(bounds(side, k)) > 0) constant = subtract(minus, at(side)[k], constant);
      }
      at(value)[k] = define(value, k, std::move(minus), constant);
    }
  }

  /// Takes an element off the terms that are the negative of something, whose constant this is.
  static Interval subtract(Terms& minus, Element element, Interval constant) {
    add(minus, element, -1);
    return moved(constant, 1, element.offset);
  }

  void add_relu(int value, int from, const std::vector<std::size_t>& wanted) {
    for (const std::size_t k : wanted) {
      const Interval z = bounds(from, k);
      if (z.high <= 0) continue;
      Element& in = at(from)[k];
      if (is_unstable(z) && in.negative == kNone) {  // a value that a ReLU reads and no row defines: the input, say
        Terms minus;
        const Interval constant = subtract(minus, in, {0, 0});
        in = define_neuron(from, k, std::move(minus), constant);
      }
      at(value)[k] = is_unstable(z) ? Element{.positive = in.positive} : in;
    }
  }

  Encoding::Place place_of(int value, std::size_t k) {
    Element& element = at(value)[k];
    if (element.positive == kNone || element.negative != kNone || element.offset != 0) {
      Terms minus;
      const Interval constant = subtract(minus, element, {0, 0});
      const Interval range = bounds(value, k);
      element = {.positive = add_column(range, unit_of(abstract::magnitude(range)))};
      add(minus, element, 1);
      add_row(std::move(minus), constant);
    }
    return {.column = element.positive, .unit = units_[static_cast<std::size_t>(element.positive)]};
  }

  static constexpr double kTiny = std::numeric_limits<double>::denorm_min();
  const Relaxation& relaxation_;
  std::vector<Elements> values_;
  std::vector<double> units_;  // of the columns
  Encoding encoding_;
};

}  // namespace

std::vector<double> Encoding::input_at(std::span<const double> point) const {
  std::vector<double> input;
  for (const Input& i : inputs) input.push_back(i.offset + i.unit * point[static_cast<std::size_t>(i.column)]);
  return input;
}

Encoding encode(const Relaxation& relaxation, std::span<const std::size_t> elements) {
  return Encoder(relaxation).run(elements);
}

bool is_encodable(const Relaxation& relaxation) {
  constexpr double kLargestInput = 0x1p40;
  constexpr double kLargest = 0x1p300;
  for (int v = 0; v <= relaxation.last(); ++v) {
    const Intervals& bounds = relaxation.bounds(v);
    const double limit = v == 0 ? kLargestInput : kLargest;
    if (!std::all_of(bounds.begin(), bounds.end(), [&](Interval x) { return abstract::magnitude(x) <= limit; })) {
      return false;
    }
  }
  return true;
}

}  // namespace espalier::linear
