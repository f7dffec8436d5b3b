// SPDX-License-Identifier: Apache-2.0
#include "program.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <utility>

#include <espalier/error.hpp>

#include "normal_float.hpp"

namespace espalier::crown {
namespace {

using abstract::Graph;
using abstract::Intervals;

constexpr double kFloatUnit = 0x1p-24;
constexpr double kSmallest = 0x1p-149;

float round_up(double x) {
  const auto f = static_cast<float>(x);
  return static_cast<double>(f) < x ? std::nextafter(f, HUGE_VALF) : f;
}

float round_down(double x) {
  return -round_up(-x);
}

/// Upper bound of n u / (1 - n u) for float.
double float_gamma(std::int64_t n) {
  if (n > (std::int64_t{1} << 20)) {
    throw Error(Code::unsupported,
                "a value of the network is used in more than 2^20 products, here " + std::to_string(n));
  }
  const double nu = static_cast<double>(n) * kFloatUnit;
  return nu / (1 - nu);
}

/// ReLUs of one value are in one place, whose coefficients collect what all of them are used in.
void share_fans_of_relus(const Graph& graph, std::vector<std::int64_t>& fan) {
  std::vector<std::int64_t> total(fan.size(), 0);
  const auto relu_input = [&](int v) {
    return std::holds_alternative<Relu>(graph.node(v).step) ? graph.node(v).inputs[0] : -1;
  };
  for (int v = 1; v < graph.values(); ++v) {
    if (const int in = relu_input(v); in >= 0) total[static_cast<std::size_t>(in)] += fan[static_cast<std::size_t>(v)];
  }
  for (int v = 1; v < graph.values(); ++v) {
    if (const int in = relu_input(v); in >= 0) fan[static_cast<std::size_t>(v)] = total[static_cast<std::size_t>(in)];
  }
}

/// The products that may be summed into the coefficient of one element of each value.
std::vector<std::int64_t> fan_outs(const Graph& graph) {
  std::vector<std::int64_t> fan(static_cast<std::size_t>(graph.values()), 0);
  for (int v = graph.values() - 1; v > 0; --v) {
    const Graph::Node& node = graph.node(v);
    for (const int in : node.inputs) {
      std::int64_t& f = fan[static_cast<std::size_t>(in)];
      const auto* map = std::get_if<abstract::AffineMap>(&node.step);
      if (std::holds_alternative<Flatten>(node.step))
        f += fan[static_cast<std::size_t>(v)];
      else if (map == nullptr)
        f += 1;
      else {
        std::int64_t longest = 0;
        for (std::size_t j = 0; j + 1 < map->weights.start.size(); ++j) {
          longest = std::max(longest, map->weights.start[j + 1] - map->weights.start[j]);
        }
        f += longest;
      }
    }
  }
  share_fans_of_relus(graph, fan);
  // A flattened value is the same numbers in the same place: what it collects is what that collects.
  for (int v = 1; v < graph.values(); ++v) {
    if (!std::holds_alternative<Flatten>(graph.node(v).step)) continue;
    fan[static_cast<std::size_t>(v)] = fan[static_cast<std::size_t>(graph.node(v).inputs[0])];
  }
  return fan;
}

abstract::Columns identity(std::int64_t n) {
  abstract::Columns columns;
  for (std::int64_t j = 0; j <= n; ++j) columns.start.push_back(j);
  for (std::int64_t j = 0; j < n; ++j) columns.terms.push_back({1, static_cast<std::int32_t>(j)});
  return columns;
}

std::vector<std::int32_t> all(std::int64_t n) {
  std::vector<std::int32_t> elements(static_cast<std::size_t>(n));
  std::iota(elements.begin(), elements.end(), 0);
  return elements;
}

std::span<const abstract::Columns::Term> terms_of(const abstract::Columns& columns, std::int32_t column) {
  const auto begin = static_cast<std::size_t>(columns.start[static_cast<std::size_t>(column)]);
  const auto end = static_cast<std::size_t>(columns.start[static_cast<std::size_t>(column) + 1]);
  return std::span(columns.terms).subspan(begin, end - begin);
}

/// A number in the middle, and how far the ends are from it.
double middle(const abstract::Interval& x) {
  return x.low + (x.high - x.low) / 2;
}
double reach_from(double middle, const abstract::Interval& x) {
  return std::max(abstract::sum_up(x.high, -middle), abstract::sum_up(middle, -x.low));
}

/// Whether an input is a number, but for less than floats tell of it.
bool is_constant(const abstract::Interval& x) {
  const double centre = middle(x);
  return reach_from(centre, x) <= std::max(0x1p-40 * std::abs(centre), 0x1p-200);
}

}  // namespace

std::vector<std::int32_t> used_inputs(const Graph& graph, const Intervals& box) {
  std::vector<bool> used(static_cast<std::size_t>(graph.size(0)), false);
  for (int v = 1; v < graph.values(); ++v) {
    const Graph::Node& node = graph.node(v);
    if (std::find(node.inputs.begin(), node.inputs.end(), 0) == node.inputs.end()) continue;
    const auto* map = std::get_if<abstract::AffineMap>(&node.step);
    for (std::size_t j = 0; j < used.size(); ++j) {
      used[j] = used[j] || map == nullptr || map->weights.start[j] < map->weights.start[j + 1];
    }
  }
  std::vector<std::int32_t> kept;
  for (std::size_t j = 0; j < used.size(); ++j) {
    if (used[j] && !is_constant(box[j])) kept.push_back(static_cast<std::int32_t>(j));
  }
  return kept;
}

/// What one source contributes to a value.
struct Program::Piece {
  const abstract::Columns* columns;
  int from;  ///< the network's value
  double weight_error;
};

/// What the sources of a value add up to, by its elements in the network.
struct Program::Sums {
  explicit Sums(std::int64_t rows)
      : slack(static_cast<std::size_t>(rows), 0), constant(static_cast<std::size_t>(rows), 0) {}
  std::vector<double> slack;
  std::vector<double> constant;  ///< from inputs that are numbers
};

Program::Program(const Graph& graph, const abstract::Relaxation& relaxation, Phases phases)
    : graph_(&graph), phases_(std::move(phases)), place_{0}, fan_out_(fan_outs(graph)) {
  Value input;
  const Intervals& box = relaxation.bounds(0);
  input.elements = used_inputs(graph, box);
  input.size = static_cast<int>(input.elements.size());
  for (const std::int32_t k : input.elements) {
    const abstract::Interval& range = box[static_cast<std::size_t>(k)];
    const float centre = normal_float(middle(range));
    centre_.push_back(centre);
    radius_.push_back(normal_above(reach_from(static_cast<double>(centre), range)));
  }
  for (std::size_t k = 0; k < box.size(); ++k) {
    if (!is_constant(box[k])) continue;
    const double value = middle(box[k]);
    constants_.push_back({static_cast<std::int32_t>(k), value, reach_from(value, box[k])});
  }
  values_.push_back(std::move(input));
  note_sizes(0, box);
}

void Program::extend(const abstract::Relaxation& relaxation) {
  const int v = static_cast<int>(place_.size());
  const Graph::Node& node = graph_->node(v);
  if (std::holds_alternative<Flatten>(node.step)) {
    place_.push_back(place(node.inputs[0]));
  } else if (std::holds_alternative<Relu>(node.step)) {
    add_relu(v, relaxation);
  } else {
    // Rows that intervals already close will not be asked for, but the final bounds are not known yet.
    place_.push_back(add_value(v, relaxation));
  }
  if (v != graph_->output()) return;
  // A network may only rename its inputs; bounds are of what comes after them, and the program may not have them all.
  if (place(v) == 0) place_.back() = add_value(v, relaxation);
  if (value(place(v)).relu) add_copy(v, relaxation);
}

int Program::add_value(int v, const abstract::Relaxation& relaxation) {
  values_.push_back(make(v, all(graph_->size(v))));
  note_sizes(values() - 1, relaxation.bounds(v));
  return values() - 1;
}

/// A value of its own for the output of a ReLU, with the elements that the ReLU's has lost.
void Program::add_copy(int v, const abstract::Relaxation& relaxation) {
  Value copy;
  copy.elements = all(graph_->size(v));
  copy.size = static_cast<int>(copy.elements.size());
  Sums sums(graph_->size(v));
  const abstract::Columns same = identity(graph_->size(v));
  add_piece({&same, v, 0}, graph_->size(v), copy, sums);
  copy.bias.assign(copy.elements.size(), 0);
  copy.rounded_bias.assign(copy.elements.size(), 0);
  for (const double s : sums.slack) copy.slack.push_back(normal_above(s * (1 + 0x1p-10)));
  values_.push_back(std::move(copy));
  place_[static_cast<std::size_t>(v)] = values() - 1;
  note_sizes(values() - 1, relaxation.bounds(v));
}

void Program::add_relu(int v, const abstract::Relaxation& relaxation) {
  const int in = graph_->node(v).inputs[0];
  const bool own = in > 0 && !std::holds_alternative<Relu>(graph_->node(in).step) &&
                   !std::holds_alternative<Flatten>(graph_->node(in).step) && graph_->feeds_only_relu(in);
  if (own && value(place(in)).relu) {
    place_.push_back(place(in));
    return;
  }
  std::vector<std::int32_t> open;
  const Intervals& before = relaxation.bounds(in);
  for (std::size_t k = 0; k < before.size(); ++k) {
    const auto element = static_cast<std::int32_t>(k);
    if (!(before[k].high <= 0) || split_of({in, element}) != 0) open.push_back(element);
  }
  Value relu = make(own ? in : v, std::move(open));
  relu.relu = true;
  if (own) {
    values_[static_cast<std::size_t>(place(in))] = std::move(relu);
    place_.push_back(place(in));
  } else {
    values_.push_back(std::move(relu));
    place_.push_back(values() - 1);
  }
  note_neurons(place_.back(), in, before);
  note_sizes(place_.back(), relaxation.bounds(v));
  // Slopes times coefficients are shares of what is before the ReLU.
  std::vector<double> sizes;
  for (const std::int32_t k : values_[static_cast<std::size_t>(place_.back())].elements) {
    sizes.push_back(abstract::magnitude(before[static_cast<std::size_t>(k)]));
  }
  note_underflow(sizes);
}

Value Program::make(int v, std::vector<std::int32_t> kept) const {
  const Graph::Node& node = graph_->node(v);
  const std::int64_t rows = graph_->size(v);
  const auto* map = std::get_if<abstract::AffineMap>(&node.step);
  Value out;
  out.elements = std::move(kept);
  out.size = static_cast<int>(out.elements.size());
  Sums sums(rows);
  if (map != nullptr) {
    add_piece({&map->weights, node.inputs[0], map->weight_error}, rows, out, sums);
  } else {
    const abstract::Columns same = identity(rows);
    for (const int in : node.inputs) add_piece({&same, in, 0}, rows, out, sums);
  }
  for (std::size_t i = 0; i < out.elements.size(); ++i) {
    const auto k = static_cast<std::size_t>(out.elements[i]);
    const double bias = (map != nullptr ? map->bias[k] : 0) + sums.constant[k];
    const double bias_error = map != nullptr ? map->bias_error[k] : 0;
    out.bias.push_back(bias);
    out.rounded_bias.push_back(static_cast<float>(bias));
    // Constants are summed in double: fewer than 2^22 of them.
    out.slack.push_back(normal_above((sums.slack[k] + bias_error + 0x1p-30 * std::abs(bias)) * (1 + 0x1p-10)));
  }
  return out;
}

void Program::add_piece(const Piece& piece, std::int64_t rows, Value& value, Sums& sums) const {
  const int source = place(piece.from);
  const Value& from = values_[static_cast<std::size_t>(source)];
  // Concretisation sums 8 inputs of 2 products each in float.
  const double concretised = source == 0 ? float_gamma(20) : 0;
  const double once =
      float_gamma(fan_out_[static_cast<std::size_t>(piece.from)] + 4) + concretised + piece.weight_error;
  // The computed coefficients, which errors are shares of, may be larger than the real ones by as much.
  const double unit = once * (1 + once);
  std::vector<double> weighted(static_cast<std::size_t>(rows), 0);
  const std::vector<double>& sizes = sizes_[static_cast<std::size_t>(source)];
  for (std::size_t j = 0; j < from.elements.size(); ++j) {
    for (const auto& [weight, row] : terms_of(*piece.columns, from.elements[j])) {
      const double off = lost_in_float(weight);
      weighted[static_cast<std::size_t>(row)] += (std::abs(weight) + off) * sizes[j];
      if (off != 0) sums.slack[static_cast<std::size_t>(row)] += off * sizes[j];
    }
  }
  for (std::size_t k = 0; k < weighted.size(); ++k) sums.slack[k] += unit * weighted[k];
  if (source == 0) add_constants(piece, sums);
  value.edges.push_back({source, std::make_unique<Matrix>(*piece.columns, rows, value.elements, from.elements)});
}

/// Sums of fewer than 2^20 products in double, each off by what weight and input are and by its rounding.
void Program::add_constants(const Piece& piece, Sums& sums) const {
  for (const Constant& input : constants_) {
    for (const auto& [weight, row] : terms_of(*piece.columns, input.element)) {
      const auto k = static_cast<std::size_t>(row);
      sums.constant[k] += weight * input.value;
      const double share = piece.weight_error + 0x1p-30;
      sums.slack[k] += std::abs(weight) * (input.reach * (1 + piece.weight_error) + share * std::abs(input.value));
      sums.slack[k] += abstract::kFloor;
    }
  }
}

int Program::split_of(NeuronId neuron) const {
  for (const Phase& phase : phases_) {
    if (phase.neuron == neuron) return phase.sign;
  }
  return 0;
}

void Program::note_neurons(int place, int graph_value, const Intervals& bounds) {
  Value& v = values_[static_cast<std::size_t>(place)];
  v.neurons = neurons();
  for (const std::int32_t k : v.elements) {
    const auto& [low, high] = bounds[static_cast<std::size_t>(k)];
    const NeuronId id{graph_value, k};
    ranges_.push_back({round_down(low), round_up(high), split_of(id)});
    ids_.push_back(id);
  }
}

/// Every coefficient on elements of these sizes collects fewer than 2^20 products, each off by at most one denormal; so
/// do the sums of errors.
void Program::note_underflow(std::span<const double> sizes) {
  const double total = std::accumulate(sizes.begin(), sizes.end(), static_cast<double>(sizes.size()));
  underflow_ += total * 0x1p22 * kSmallest;
}

double Program::error_scale() const {
  double elements = 0;
  for (const Value& value : values_) elements += value.size;
  return 1.001 + 0x1p-22 * elements;
}

void Program::note_sizes(int place, const Intervals& bounds) {
  const Value& v = values_[static_cast<std::size_t>(place)];
  std::vector<double> sizes;
  for (std::size_t i = 0; i < v.elements.size(); ++i) {
    const auto k = static_cast<std::size_t>(v.elements[i]);
    // The input's box was widened to floats.
    sizes.push_back(place == 0 ? (std::abs(double{centre_[i]}) + double{radius_[i]}) : abstract::magnitude(bounds[k]));
  }
  note_underflow(sizes);
  if (sizes_.size() <= static_cast<std::size_t>(place)) sizes_.resize(static_cast<std::size_t>(place) + 1);
  sizes_[static_cast<std::size_t>(place)] = std::move(sizes);
}

}  // namespace espalier::crown
