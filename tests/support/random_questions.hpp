// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <espalier/results.hpp>

#include "support/exact_cells.hpp"
#include "support/small_networks.hpp"

// Tiny networks with everything that trained, pruned and hostile networks have been seen to have, and questions about
// them that are as close as wanted to a tie. Whatever is drawn depends on the generator only.
namespace espalier::testing {

template <class T>
T one_of(const std::vector<T>& all, std::mt19937& random) {
  return all[std::uniform_int_distribution<std::size_t>(0, all.size() - 1)(random)];
}
inline bool one_in(int count, std::mt19937& random) {
  return std::uniform_int_distribution<int>(1, count)(random) == 1;
}

template <class Change>
Tensor changed(const Tensor& t, Change change) {
  std::vector<float> values = t.to_floats();
  for (float& v : values) v = change(v);
  return Tensor::of(t.shape(), std::move(values));
}

/// Makes the rows of a matrix odd in one way.
inline Tensor odd_rows(const Tensor& weight, std::mt19937& random) {
  const auto width = static_cast<std::size_t>(weight.size() / weight.dim(0));
  std::vector<float> values = weight.to_floats();
  switch (std::uniform_int_distribution<int>(0, 6)(random)) {
    case 0:  // two neurons that are one
      for (std::size_t i = 0; i < width; ++i) values[values.size() - width + i] = values[i];
      return Tensor::of(weight.shape(), std::move(values));
    case 1:
      return Tensor::zeros(DType::f32, weight.shape());
    case 2:  // a size that solvers take for 0, or for infinity
      values[0] = one_of<float>({1e-8F, -1e-8F, 1e-30F, 1e30F, 1e-40F}, random);
      return Tensor::of(weight.shape(), std::move(values));
    case 3: {
      const int exponent = one_of<int>({-40, -10, 10, 40}, random);
      return changed(weight, [=](float w) { return std::ldexp(w, exponent); });
    }
    case 4:
      return changed(weight, [&](float w) { return one_in(2, random) ? 0 : w; });
    default:
      return weight;
  }
}

/// How the numbers of a network are drawn: on a grid of eighths many of its values meet exactly, others do not.
inline Tensor random_numbers(const Shape& shape, bool on_grid, std::mt19937& random) {
  const Tensor t = random_tensor(shape, random, -2, 2);
  return on_grid ? changed(t, [](float v) { return std::round(v * 8) / 8; }) : t;
}

/// A batch norm whose root is a power of two, so that it is rational.
inline BatchNorm rational_batch_norm(std::int64_t channels, std::mt19937& random) {
  std::vector<float> gamma = random_tensor({channels}, random).to_floats();
  gamma[0] = one_of<float>({gamma[0], 0, 1e-8F, 1e-30F, -1e-30F}, random);
  const float variance = one_of<float>({0, 0.75F, 3.75F}, random);
  return {.gamma = Tensor::of({channels}, std::move(gamma)),
          .beta = random_tensor({channels}, random),
          .mean = random_tensor({channels}, random),
          .variance = changed(Tensor::zeros(DType::f32, {channels}), [=](float) { return variance; }),
          .epsilon = 0.25};
}

/// Multiplies by about 1, over a weight that is no float: 1e28, then 1e-8 / 1e38, then 1e18.
inline void add_vanishing(NetworkBuilder& builder, std::int64_t width, std::mt19937& random) {
  const auto all = [&](float v) { return changed(Tensor::zeros(DType::f32, {width}), [=](float) { return v; }); };
  const float share = std::uniform_real_distribution<float>(0.5F, 2)(random);
  builder.add(Affine{.scale = all(1e28F), .shift = all(0), .divisor = {}});
  builder.add(Affine{.scale = all(share * 1e-8F), .shift = all(0), .divisor = all(1e38F)});
  builder.add(Affine{.scale = all(1e18F), .shift = all(0), .divisor = {}});
}

/// Builds tiny networks of one kind of numbers.
class TinyNetworks {
 public:
  /// For inputs around `middle`.
  TinyNetworks(double middle, std::mt19937& random)
      : random_(random),
        middle_(static_cast<float>(middle)),
        on_grid_(one_in(3, random)),
        odd_(!on_grid_ && one_in(2, random)),
        balanced_(!one_in(4, random)) {}

  bool on_grid() const { return on_grid_; }

  Network any(std::string& what) {
    const int kind = std::uniform_int_distribution<int>(0, 9)(random_);
    what = kind == 0 ? "convolution" : kind == 1 ? "residual" : "dense";
    what += on_grid_ ? " on a grid" : odd_ ? ", odd" : "";
    return kind == 0 ? convolution() : kind == 1 ? residual() : dense();
  }

 private:
  Linear layer(std::int64_t in, std::int64_t out) {
    const Tensor weight = random_numbers({out, in}, on_grid_, random_);
    Tensor bias = one_in(4, random_) ? Tensor::zeros(DType::f32, {out}) : random_numbers({out}, on_grid_, random_);
    if (balanced_) bias = balanced(weight, bias);
    middle_ = 0.5F;  // of what comes out of a ReLU
    return {.weight = odd_ ? odd_rows(weight, random_) : weight, .bias = bias, .mask = {}};
  }

  /// A bias with which neurons change sign somewhere near the middle.
  Tensor balanced(const Tensor& weight, const Tensor& bias) const {
    std::vector<float> out = bias.to_floats();
    const auto w = weight.as<float>();
    const std::size_t width = w.size() / out.size();
    for (std::size_t k = 0; k < out.size(); ++k) {
      out[k] /= 4;
      for (std::size_t i = 0; i < width; ++i) out[k] -= w[k * width + i] * middle_;
    }
    return Tensor::of(bias.shape(), std::move(out));
  }

  std::int64_t classes() { return one_of<std::int64_t>({2, 2, 2, 3}, random_); }

  Network dense() {
    const auto widths = one_of<std::vector<std::int64_t>>({{1},
                                                           {1, 1},
                                                           {1, 1, 1, 1},
                                                           {1, 4, 4, 3},
                                                           {1, 6, 4},
                                                           {2},
                                                           {2, 1, 2},
                                                           {2, 3},
                                                           {2, 4, 3},
                                                           {2, 5, 3},
                                                           {2, 3, 3, 2},
                                                           {3, 2},
                                                           {3, 3},
                                                           {3, 2, 1}},
                                                          random_);
    NetworkBuilder builder({widths[0]});
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      builder.add(layer(widths[i], widths[i + 1]));
      if (odd_ && one_in(4, random_)) builder.add(rational_batch_norm(widths[i + 1], random_));
      if (odd_ && one_in(6, random_)) add_vanishing(builder, widths[i + 1], random_);
      builder.add(Relu{});
    }
    builder.add(layer(widths.back(), classes()));
    return builder.build();
  }

  /// y = relu(x' + A relu(B x')) with x' = relu(C x), then the classes.
  Network residual() {
    NetworkBuilder builder({one_of<std::int64_t>({1, 2}, random_)});
    builder.add(layer(element_count(builder.input_shape()), 2));
    const int trunk = builder.add(Relu{});
    builder.add(layer(2, 2));
    builder.add(Relu{});
    const int branch = builder.add(layer(2, 2));
    builder.add(Add{}, {trunk, branch});
    builder.add(Relu{});
    builder.add(layer(2, classes()));
    return builder.build();
  }

  /// One row of two or three pixels; means over two or three.
  Network convolution() {
    const std::int64_t width = one_of<std::int64_t>({2, 3}, random_);
    NetworkBuilder builder({1, 1, width});
    Conv2d conv{.weight = random_numbers({2, 1, 1, 2}, on_grid_, random_),
                .bias = random_numbers({2}, on_grid_, random_),
                .mask = {},
                .padding = {0, width == 2 ? 1 : 0}};
    builder.add(conv);
    builder.add(Relu{});
    const std::int64_t left = width == 2 ? 3 : 2;
    if (one_in(2, random_)) builder.add(AvgPool{.kernel = {1, left}, .stride = {1, 1}});
    builder.add(Flatten{});
    builder.add(layer(builder.build().output_shape()[0], classes()));
    return builder.build();
  }

  std::mt19937& random_;
  float middle_;
  bool on_grid_;
  bool odd_;
  bool balanced_;
};

/// Is `label` scored above `target`, or above every other class, everywhere near the centre?
struct RobustnessQuestion {
  std::string what;
  Network network;
  std::vector<float> centre;
  double epsilon = 0;
  std::int64_t label = 0;
  std::optional<std::int64_t> target = {};

  Instances instances() const {
    Instances out;
    out.rows = {{.image = 0, .label = label, .target = target, .epsilon = epsilon}};
    Shape shape = network.input_shape();
    shape.insert(shape.begin(), 1);
    out.centres = Tensor::of(shape, centre);
    return out;
  }
  RealBox box() const {
    RealBox out;
    for (const float c : centre) {
      out.low.push_back(std::max(Dyadic(c) - Dyadic(epsilon), Dyadic(0)));
      out.high.push_back(std::min(Dyadic(c) + Dyadic(epsilon), Dyadic(1)));
    }
    return out;
  }
  /// A constraint for every class that counts: label score - its score <= 0.
  std::vector<OutputConstraint> rivals() const {
    std::vector<OutputConstraint> out;
    for (std::int64_t c = 0; c < element_count(network.output_shape()); ++c) {
      if (c != label && c == target.value_or(c)) out.push_back({.terms = {{label, 1}, {c, -1}}, .limit = 0});
    }
    return out;
  }
  /// The exact smallest margin.
  Fraction smallest_margin() const {
    const ExactCells cells(network, box());
    std::optional<Fraction> least;
    for (const OutputConstraint& rival : rivals()) {
      const Fraction margin = cells.smallest(rival).value();
      if (!least || margin < *least) least = margin;
    }
    return least.value();
  }
};

/// Moves the smallest margin of label 0 as near to a share of its size as output biases allow: to within one rounding
/// of a float, of two with two classes. On a grid a share of 0 is often met exactly.
inline void plant(RobustnessQuestion& q, double share) {
  const std::string last = q.network.layers().back().name;
  const auto with_biases = [&](float label, float other) {
    return with_changed<Linear>(q.network, last, [&](Linear& op) {
      std::vector<float> bias(static_cast<std::size_t>(op.bias.size()), other);
      bias[0] = label;
      op.bias = Tensor::of(op.bias.shape(), std::move(bias));
    });
  };
  q.label = 0;
  q.target = {};
  q.network = with_biases(0, 0);
  const Fraction raw = q.smallest_margin();
  const double size = std::abs(raw.to_double()) + 1e-30;
  const auto coarse = static_cast<float>(share * size - raw.to_double());
  if (!std::isfinite(coarse)) return;
  const auto fine = static_cast<float>((raw + Fraction(coarse)).to_double() - share * size);
  q.network = with_biases(coarse, fine);
  q.what += ", planted margin " + std::to_string(share * 1e9) + "e-9";
}

inline RobustnessQuestion random_robustness_question(std::mt19937& random) {
  TinyNetworks tiny(0.5, random);
  std::string what;
  Network network = tiny.any(what);
  RobustnessQuestion q{.what = what, .network = std::move(network), .centre = {}};
  std::uniform_real_distribution<float> pixel(0, 1);
  for (std::int64_t i = 0; i < element_count(q.network.input_shape()); ++i) {
    const float x = pixel(random);
    q.centre.push_back(tiny.on_grid() ? std::round(x * 8) / 8 : one_in(8, random) ? std::round(x) : x);
  }
  q.epsilon = tiny.on_grid() ? one_of<double>({0, 0.125, 0.25, 0.5, 0.5, 1}, random)
                             : one_of<double>({0, 1e-9, 0.01, 0.1, 0.4, 0.4, 0.6, 1, 3}, random);
  const std::int64_t classes = q.network.output_shape()[0];
  q.label = argmax(q.network.forward(std::vector<double>(q.centre.begin(), q.centre.end())));
  if (one_in(8, random)) q.label = 0;
  if (one_in(4, random)) q.target = (q.label + 1) % classes;
  if (!one_in(3, random)) plant(q, one_of<double>({1e-3, -1e-3, 1e-6, -1e-6, 1e-9, -1e-9, 0, 0}, random));
  return q;
}

struct PropertyQuestion {
  std::string what;
  Network network;
  Property property;

  RealBox box(const Property::Case& one) const {
    const Property::Box& b = property.boxes[static_cast<std::size_t>(one.box)];
    RealBox out;
    for (std::size_t i = 0; i < b.low.size(); ++i) {
      out.low.emplace_back(b.low[i]);
      out.high.emplace_back(b.high[i]);
    }
    return out;
  }
  bool can_happen() const {
    return std::ranges::any_of(property.cases, [&](const Property::Case& one) {
      return ExactCells(network, box(one)).meets(one.constraints);
    });
  }
};

/// Bounds that are doubles and no floats; some are equal, and now and then a box is empty.
inline Property::Box random_property_box(std::int64_t inputs, bool on_grid, std::mt19937& random) {
  std::uniform_real_distribution<double> draw(-1, 1);
  Property::Box box;
  for (std::int64_t i = 0; i < inputs; ++i) {
    const auto number = [&] { return on_grid ? std::round(draw(random) * 8) / 8 : draw(random); };
    const double a = number();
    const double b = one_in(4, random) ? a : number();
    box.low.push_back(std::min(a, b));
    box.high.push_back(std::max(a, b));
  }
  if (one_in(40, random)) box.low[0] = box.high[0] + 1;
  return box;
}

/// One constraint that cuts through what the outputs are on the box, or just touches it.
inline OutputConstraint random_constraint(const ExactCells& cells, std::int64_t outputs, std::mt19937& random) {
  OutputConstraint c;
  std::vector<std::int64_t> order(static_cast<std::size_t>(outputs));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  const std::size_t terms = one_in(3, random) ? 1 : 2;
  for (std::size_t i = 0; i < terms; ++i) {
    c.terms.push_back({order[i], one_of<double>({1, -1, 1, -1, 0.5, 3, -0.1, 1e-8}, random)});
  }
  OutputConstraint negated = c;
  for (auto& term : negated.terms) term.factor = -term.factor;
  const auto low = cells.smallest(c);
  if (!low) return c;
  const double least = low->to_double();
  const double most = -cells.smallest(negated)->to_double();
  const double size = std::max(std::abs(least), std::abs(most));
  c.limit = one_of<double>({least, least, least + 1e-9 * size, least - 1e-9 * size, least + 1e-6 * size,
                            least - 1e-6 * size, least + 0.1 * (most - least), (least + most) / 2, most},
                           random);
  if (!std::isfinite(c.limit)) c.limit = 0;
  if (one_in(30, random)) c.limit = one_of<double>({HUGE_VAL, -HUGE_VAL}, random);
  return c;
}

inline PropertyQuestion random_property_question(std::mt19937& random) {
  TinyNetworks tiny(0, random);
  std::string what;
  Network network = tiny.any(what);
  PropertyQuestion q{.what = what, .network = std::move(network), .property = {}};
  Property& p = q.property;
  p.inputs = element_count(q.network.input_shape());
  p.outputs = element_count(q.network.output_shape());
  const int boxes = one_of<int>({1, 1, 2}, random);
  for (int i = 0; i < boxes; ++i) p.boxes.push_back(random_property_box(p.inputs, tiny.on_grid(), random));
  const int cases = one_of<int>({1, 1, 2, 3}, random);
  for (int i = 0; i < cases; ++i) {
    Property::Case one{.box = std::uniform_int_distribution<std::int64_t>(0, boxes - 1)(random), .constraints = {}};
    const ExactCells cells(q.network, q.box(one));
    const int constraints = one_of<int>({1, 1, 2, 3}, random);
    for (int k = 0; k < constraints; ++k) one.constraints.push_back(random_constraint(cells, p.outputs, random));
    p.cases.push_back(std::move(one));
  }
  return q;
}

}  // namespace espalier::testing
