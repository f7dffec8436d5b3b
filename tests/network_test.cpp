// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <random>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

#include "support/hostile_fields.hpp"

// Names one by one: this library has an `Add`, and so on.
using espalier::Add;
using espalier::Affine;
using espalier::AvgPool;
using espalier::BatchNorm;
using espalier::Conv2d;
using espalier::DType;
using espalier::Error;
using espalier::Fields;
using espalier::Flatten;
using espalier::Layer;
using espalier::Linear;
using espalier::Network;
using espalier::Op;
using espalier::Pad;
using espalier::Relu;
using espalier::Reshape;
using espalier::Shape;
using espalier::Tensor;
using espalier::Transpose;

namespace {

using Values = std::vector<double>;

Tensor floats(Shape shape, std::vector<float> values) {
  return Tensor::of<float>(std::move(shape), std::move(values));
}

Tensor random_floats(Shape shape, std::mt19937& random) {
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> values(static_cast<std::size_t>(espalier::element_count(shape)));
  for (float& v : values) v = uniform(random);
  return floats(std::move(shape), std::move(values));
}

Network single(Shape input, Op op) {
  return Network(std::move(input), {{"only", std::move(op), {0}}});
}

Linear two_by_two() {
  return {floats({2, 2}, {1, 2, 3, -4}), floats({2}, {0.5F, 1}), {}};
}

/// Uses every operation: a residual block on an image of two channels.
Network every_op(std::mt19937& random) {
  Conv2d conv{.weight = random_floats({2, 1, 3, 3}, random),
              .bias = random_floats({2}, random),
              .mask = {},
              .stride = {1, 1},
              .padding = {1, 1},
              .dilation = {1, 1},
              .groups = 2};
  std::vector<std::uint8_t> mask(18, 1);
  std::vector<float> weight = conv.weight.to_floats();
  mask[4] = 0;
  weight[4] = 0;
  conv.mask = Tensor::of<std::uint8_t>({2, 1, 3, 3}, mask);
  conv.weight = floats({2, 1, 3, 3}, weight);
  const BatchNorm norm{random_floats({2}, random), random_floats({2}, random), random_floats({2}, random),
                       floats({2}, {0.5F, 2}), 1e-5};
  return Network({2, 4, 4}, {{"conv", conv, {0}},
                             {"norm", norm, {1}},
                             {"relu", Relu{}, {2}},
                             {"join", Add{}, {3, 0}},
                             {"pool", AvgPool{{2, 2}, {2, 2}, {0, 0}}, {4}},
                             {"flat", Flatten{}, {5}},
                             {"out", Linear{random_floats({3, 8}, random), random_floats({3}, random), {}}, {6}},
                             {"image", Reshape{{3, 1, 1}}, {7}},
                             {"margin", Pad{{0, 1}, {0, 0}}, {8}},
                             {"turned", Transpose{{2, 0, 1}}, {9}},
                             {"last",
                              Affine{random_floats({2, 3, 1}, random), random_floats({2, 3, 1}, random),
                                     floats({2, 3, 1}, {1, 2, 3, -4, 5, 6})},
                              {10}}});
}

/// Convolution by its definition, scattering every input element: shares nothing with the engine's loops.
Values scattered(const Conv2d& op, const Shape& in, const Shape& out, const Values& x) {
  Values y(static_cast<std::size_t>(espalier::element_count(out)));
  const auto w = op.weight.as<float>();
  const Shape& k = op.weight.shape();
  for (std::int64_t o = 0; o < out[0]; ++o) {
    for (std::int64_t p = 0; p < out[1] * out[2]; ++p) {
      y[static_cast<std::size_t>(o * out[1] * out[2] + p)] = op.bias.as<float>()[static_cast<std::size_t>(o)];
    }
  }
  for (std::int64_t c = 0; c < in[0]; ++c) {
    for (std::int64_t o = 0; o < out[0]; ++o) {
      if (c / k[1] != o / (out[0] / op.groups)) continue;
      for (std::int64_t n = 0; n < in[1] * in[2] * k[2] * k[3]; ++n) {
        const std::int64_t j = n % k[3];
        const std::int64_t i = n / k[3] % k[2];
        const std::int64_t col = n / (k[3] * k[2]) % in[2];
        const std::int64_t row = n / (k[3] * k[2] * in[2]);
        const std::int64_t top = row + op.padding[0] - i * op.dilation[0];
        const std::int64_t left = col + op.padding[1] - j * op.dilation[1];
        if (top < 0 || left < 0 || top % op.stride[0] != 0 || left % op.stride[1] != 0) continue;
        const std::int64_t oy = top / op.stride[0];
        const std::int64_t ox = left / op.stride[1];
        if (oy >= out[1] || ox >= out[2]) continue;
        y[static_cast<std::size_t>((o * out[1] + oy) * out[2] + ox)] +=
            double{w[static_cast<std::size_t>(((o * k[1] + c % k[1]) * k[2] + i) * k[3] + j)]} *
            x[static_cast<std::size_t>((c * in[1] + row) * in[2] + col)];
      }
    }
  }
  return y;
}

}  // namespace

TEST_CASE("linear, by hand") {
  CHECK(single({2}, two_by_two()).forward(Values{10, 1}) == Values{12.5, 27});
}

TEST_CASE("convolution with stride, padding and dilation, by hand") {
  const Tensor ones = floats({1, 1, 2, 2}, {1, 10, 100, 1000});
  const Tensor bias = floats({1}, {0.5F});
  const Values image{1, 2, 3, 4, 5, 6, 7, 8, 9};
  Conv2d conv{.weight = ones, .bias = bias, .mask = {}};
  CHECK(single({1, 3, 3}, conv).forward(image) == Values{5421.5, 6532.5, 8754.5, 9865.5});
  conv.dilation = {2, 2};
  CHECK(single({1, 3, 3}, conv).forward(image) == Values{9731.5});
  conv.dilation = {1, 1};
  conv.padding = {1, 0};
  conv.stride = {3, 1};
  const Network padded = single({1, 3, 3}, conv);
  CHECK(padded.output_shape() == Shape{1, 2, 2});
  CHECK(padded.forward(image) == Values{2100.5, 3200.5, 87.5, 98.5});
}

TEST_CASE("convolution agrees with its definition") {
  std::mt19937 random(3);
  for (int round = 0; round < 60; ++round) {
    const auto upto = [&](int n) { return static_cast<std::int64_t>(random() % static_cast<unsigned>(n)) + 1; };
    const std::int64_t groups = upto(3);
    const std::int64_t in_group = upto(2);
    const Shape in{groups * in_group, 4 + upto(4), 4 + upto(4)};
    const std::int64_t out = groups * upto(2);
    const Conv2d conv{.weight = random_floats({out, in_group, upto(2), upto(3)}, random),
                      .bias = random_floats({out}, random),
                      .mask = {},
                      .stride = {upto(2), upto(3)},
                      .padding = {upto(3) - 1, upto(3) - 1},
                      .dilation = {upto(2), upto(2)},
                      .groups = groups};
    const Network network = single(in, conv);
    const Values x = random_floats(in, random).to_doubles();
    const Values got = network.forward(x);
    const Values wanted = scattered(conv, in, network.output_shape(), x);
    REQUIRE(got.size() == wanted.size());
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(1e-12));
  }
}

TEST_CASE("batch norm, ReLU, pooling and addition, by hand") {
  const BatchNorm norm{floats({2}, {2, 1}), floats({2}, {1, 0}), floats({2}, {3, 0}), floats({2}, {4, 0}), 0.25};
  const Values scaled = single({2, 1, 1}, norm).forward(Values{7, 3});
  CHECK(scaled[0] == doctest::Approx(2 * 4 / std::sqrt(4.25) + 1));
  CHECK(scaled[1] == doctest::Approx(6));
  CHECK(single({3}, Relu{}).forward(Values{-1, 0, 2}) == Values{0, 0, 2});
  CHECK(std::isnan(single({1}, Relu{}).forward(Values{std::nan("")})[0]));
  const Network pool = single({1, 2, 2}, AvgPool{{2, 2}, {1, 1}, {1, 0}});
  CHECK(pool.output_shape() == Shape{1, 3, 1});
  CHECK(pool.forward(Values{4, 8, 12, 16}) == Values{3, 10, 7});  // the padding counts as zeros
  const Network twice({2}, {{"relu", Relu{}, {0}}, {"sum", Add{}, {1, 0}}});
  CHECK(twice.forward(Values{-1, 3}) == Values{-1, 6});
}

TEST_CASE("scaling, padding and new orders of elements, by hand") {
  const Affine divided{floats({2}, {2, -1}), floats({2}, {1, 0.5F}), floats({2}, {4, 8})};
  CHECK(single({2}, divided).forward(Values{6, 2}) == Values{4, 0.25});
  CHECK(single({2}, Affine{divided.scale, divided.shift, {}}).forward(Values{6, 2}) == Values{13, -1.5});
  const Network turned = single({2, 1, 3}, Transpose{{2, 0, 1}});
  CHECK(turned.output_shape() == Shape{3, 2, 1});
  CHECK(turned.forward(Values{1, 2, 3, 4, 5, 6}) == Values{1, 4, 2, 5, 3, 6});
  const Network padded = single({2, 1, 2}, Pad{{1, 0}, {0, 1}});
  CHECK(padded.output_shape() == Shape{2, 2, 3});
  CHECK(padded.forward(Values{1, 2, 3, 4}) == Values{0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0});
  const Network reshaped = single({2, 3}, Reshape{{3, 2}});
  CHECK(reshaped.output_shape() == Shape{3, 2});
  CHECK(reshaped.forward(Values{1, 2, 3, 4, 5, 6}) == Values{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a network knows its shapes and counts") {
  std::mt19937 random(1);
  const Network n = every_op(random);
  CHECK(n.value_shape(0) == Shape{2, 4, 4});
  CHECK(n.value_shape(5) == Shape{2, 2, 2});
  CHECK(n.output_shape() == Shape{2, 3, 1});
  CHECK(n.hidden_neurons() == 32);
  CHECK(n.weights() == 18 + 24);
  CHECK(n.zero_weights() == 1);
  CHECK(n.remaining_weights() == 41);
  CHECK_THROWS_AS(n.forward(Values(31)), Error);
}

TEST_CASE("what does not fit is named with its layer and both shapes") {
  const auto message = [](Shape input, std::vector<Layer> layers) -> std::string {
    try {
      Network(std::move(input), std::move(layers));
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  CHECK(message({3}, {{"fc", two_by_two(), {0}}}) ==
        "layer 0 'fc' (linear): weight of shape [2, 2] does not fit an input of shape [3]");
  CHECK(message({1, 2, 1}, {{"fc", two_by_two(), {0}}}).find("[1, 2, 1]") != std::string::npos);
  CHECK(message({2}, {{"a", Relu{}, {0}}, {"b", Add{}, {1}}}) ==
        "layer 1 'b' (add): it has 1 inputs, but 2 are needed");
  CHECK(message({2}, {{"a", Relu{}, {1}}}) == "layer 0 'a' (relu): input 1 is not a value made before it (0 to 0)");
  CHECK(message({2}, {{"a", Relu{}, {-1}}}) != "");
  CHECK(message({2}, {}) == "a network needs at least one layer");
  CHECK(message({}, {{"a", Relu{}, {0}}}) != "");
  CHECK(message({0}, {{"a", Relu{}, {0}}}) != "");
  CHECK(message({1 << 20, 1 << 20}, {{"a", Relu{}, {0}}}) != "");
  CHECK(message({2, 2}, {{"f", Flatten{}, {0}}, {"s", Add{}, {0, 1}}}) ==
        "layer 1 's' (add): values of shapes [2, 2] and [4] cannot be added");
  CHECK(message({1, 2, 2}, {{"p", AvgPool{{3, 1}, {1, 1}, {0, 0}}, {0}}}).find("[3, 1] does not fit") !=
        std::string::npos);
  CHECK(message({1, 2, 2}, {{"p", AvgPool{{1, 1}, {0, 1}, {0, 0}}, {0}}}).find("stride") != std::string::npos);

  Linear op = two_by_two();
  op.weight = floats({2, 2}, {1, std::numeric_limits<float>::infinity(), 0, 0});
  CHECK(message({2}, {{"fc", op, {0}}}) == "layer 0 'fc' (linear): weight[1] is inf");
  op = two_by_two();
  op.bias = floats({1}, {0});
  CHECK(message({2}, {{"fc", op, {0}}}) == "layer 0 'fc' (linear): bias is f32 [1], but f32 [2] is needed");
  op = two_by_two();
  op.mask = Tensor::of<std::uint8_t>({2, 2}, {1, 1, 0, 1});
  CHECK(message({2}, {{"fc", op, {0}}}) ==
        "layer 0 'fc' (linear): weight[2] is pruned by the mask, but it is 3 and not 0");
  op.mask = Tensor::of<std::uint8_t>({2, 2}, {1, 2, 1, 1});
  CHECK(message({2}, {{"fc", op, {0}}}).find("mask[1] is 2") != std::string::npos);
  const Tensor one = floats({1}, {1});
  CHECK(message({1}, {{"s", Affine{one, one, floats({1}, {0})}, {0}}}) == "layer 0 's' (affine): a divisor is 0");
  CHECK(message({2}, {{"s", Affine{one, one, {}}, {0}}}) ==
        "layer 0 's' (affine): scale is f32 [1], but f32 [2] is needed");
  CHECK(message({2, 3}, {{"r", Reshape{{4}}, {0}}}) ==
        "layer 0 'r' (reshape): an input of shape [2, 3] cannot become [4]");
  CHECK(message({2, 3}, {{"r", Reshape{{-2, -3}}, {0}}}) != "");
  CHECK(message({2, 3}, {{"t", Transpose{{0, 0}}, {0}}}) ==
        "layer 0 't' (transpose): [0, 0] is not an order of the axes of an input of shape [2, 3]");
  CHECK(message({2, 3}, {{"t", Transpose{{1}}, {0}}}) != "");
  CHECK(message({1, 2, 2}, {{"p", Pad{{-1, 0}, {0, 0}}, {0}}}).find("padding before") != std::string::npos);
  CHECK(message({2, 2}, {{"p", Pad{{1, 0}, {0, 0}}, {0}}}).find("3 axes") != std::string::npos);
  CHECK(message({1}, {{"bn", BatchNorm{one, one, one, floats({1}, {-1}), 1e-5}, {0}}}) != "");
  CHECK(message({1}, {{"bn", BatchNorm{one, one, one, one, std::nan("")}, {0}}}) != "");
  CHECK(message({1}, {{"bn", BatchNorm{one, one, one, floats({1}, {0}), 0}, {0}}}) != "");
}

TEST_CASE("a network is the same after it was stored") {
  std::mt19937 random(2);
  const Network n = every_op(random);
  const Network again = Network::from_fields(n.to_fields());
  const Values x = random_floats({2, 4, 4}, random).to_doubles();
  CHECK(again.forward(x) == n.forward(x));
  CHECK(again.layers()[3].inputs == std::vector<int>{3, 0});
  CHECK(again.layers()[0].name == "conv");
  CHECK(std::get<Conv2d>(again.layers()[0].op).mask == std::get<Conv2d>(n.layers()[0].op).mask);
  espalier::testing::check_survives_damage(n, 1500);
}

TEST_CASE("argmax takes the first of equals and never NaN") {
  const double nan = std::nan("");
  CHECK(espalier::argmax(Values{1, 3, 3}) == 1);
  CHECK(espalier::argmax(Values{nan, -5, nan, 2}) == 3);
  CHECK(espalier::argmax(Values{nan, nan}) == 0);
  CHECK(espalier::argmax(Values{-INFINITY}) == 0);
}
