// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/dataset.hpp>
#include <espalier/results.hpp>

#include "support/random_network.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::testing::random_tensor;
using espalier::testing::StageBench;

namespace {

Tensor floats(Shape shape, std::vector<float> values) {
  return Tensor::of(std::move(shape), std::move(values));
}

Split random_split(std::int64_t count, const Shape& image, std::int64_t classes, std::mt19937& random) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count * element_count(image)));
  for (auto& p : pixels) p = static_cast<std::uint8_t>(random() % 256);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(count));
  for (auto& l : labels) l = static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(classes));
  return {Tensor::of({count, image[0], image[1], image[2]}, pixels), Tensor::of({count}, labels)};
}

Dataset random_dataset(std::int64_t count, const Shape& image, std::int64_t classes, std::uint32_t seed) {
  std::mt19937 random(seed);
  Dataset out;
  out.name = "random";
  out.train = random_split(1, image, classes, random);
  out.test = random_split(count, image, classes, random);
  out.classes.assign(static_cast<std::size_t>(classes), "x");
  return out;
}

Metrics measured(const Network& network, const Dataset& dataset, const ParamValues& params = {},
                 const Instances* instances = nullptr) {
  StageBench bench("measure.network");
  for (const auto& [name, value] : params) bench.set(name, value);
  bench.give("network", network).give("dataset", dataset);
  if (instances != nullptr) bench.give("instances", *instances);
  return bench.run().result<Metrics>("metrics");
}

/// The accuracy by the engine's own forward pass, one image at a time.
double slow_accuracy(const Network& network, const Dataset& dataset) {
  const auto elements = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto pixels = dataset.test.images.as<std::uint8_t>();
  const auto labels = dataset.test.labels.as<std::int64_t>();
  double correct = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<double> input;
    for (const auto byte : pixels.subspan(i * elements, elements)) input.push_back(byte / 255.0);
    correct += argmax(network.forward(input)) == labels[i] ? 1 : 0;
  }
  return correct / static_cast<double>(labels.size());
}

Network every_op(std::uint32_t seed) {
  std::mt19937 random(seed);
  Conv2d conv1;
  conv1.weight = random_tensor({4, 1, 3, 2}, random);
  conv1.bias = random_tensor({4}, random);
  conv1.groups = 2;
  conv1.stride = {2, 1};
  conv1.padding = {1, 0};
  conv1.dilation = {1, 2};
  Conv2d conv2;
  conv2.weight = random_tensor({4, 4, 3, 3}, random);
  conv2.bias = random_tensor({4}, random);
  conv2.padding = {1, 1};
  const Affine scale{random_tensor({2, 4, 4}, random), random_tensor({2, 4, 4}, random),
                     random_tensor({2, 4, 4}, random, 0.5F, 2)};
  // 2x7x8 -> 4x4x6; the branch keeps that shape; the pool makes 4x3x2, the padding 4x4x2.
  return {{2, 7, 8},
          {{"conv1", conv1, {0}},
           {"bn1", testing::random_batch_norm(4, random), {1}},
           {"relu1", Relu{}, {2}},
           {"conv2", conv2, {3}},
           {"add", Add{}, {4, 3}},
           {"relu2", Relu{}, {5}},
           {"pool", AvgPool{.kernel = {2, 3}, .stride = {2, 2}, .padding = {1, 0}}, {6}},
           {"pad", Pad{.before = {1, 0}, .after = {0, 0}}, {7}},
           {"turn", Transpose{{2, 0, 1}}, {8}},
           {"scale", scale, {9}},
           {"flatten", Flatten{}, {10}},
           {"reshape", Reshape{{32}}, {11}},
           {"fc", Linear{random_tensor({3, 32}, random), random_tensor({3}, random), {}}, {12}}}};
}

}  // namespace

TEST_CASE("accuracy is that of the engine's forward pass, for a chain and for every kind of layer") {
  const Dataset digits = random_dataset(150, {1, 28, 28}, 10, 1);
  const Network chain = testing::random_chain({64, 32, 16}, 2);
  CHECK(measured(chain, digits).values.at("accuracy") == slow_accuracy(chain, digits));

  const Network dag = every_op(3);
  const Dataset images = random_dataset(150, {2, 7, 8}, 3, 4);
  const double accuracy = measured(dag, images).values.at("accuracy");
  CHECK(accuracy == slow_accuracy(dag, images));
  CHECK(accuracy > 0);
  CHECK(accuracy < 1);
}

TEST_CASE("the number of threads changes nothing") {
  const Dataset digits = random_dataset(333, {1, 28, 28}, 10, 1);
  const auto accuracy = [&](int threads) {
    StageBench bench("measure.network");
    bench.use_threads(threads).give("network", testing::net1(2)).give("dataset", digits);
    return bench.run().result<Metrics>("metrics").values.at("accuracy");
  };
  CHECK(accuracy(3) == accuracy(1));
  CHECK(accuracy(8) == accuracy(1));
}

TEST_CASE("sizes are counted as table 4 counts them") {
  const Dataset digits = random_dataset(1, {1, 28, 28}, 10, 5);
  const Network network = testing::with_changed<Linear>(testing::net1(6), "out", [](Linear& linear) {
    auto weight = linear.weight.to_floats();
    weight[0] = weight[5] = 0;
    linear.weight = floats(linear.weight.shape(), weight);
  });
  const auto values = measured(network, digits).values;
  CHECK(values.at("hidden_neurons") == 112);
  CHECK(values.at("weights") == 52896);
  CHECK(values.at("zero_weights") == 2);
  CHECK(values.at("remaining_weights") == 52894);
}

namespace {

/// z = x1 - 2 x2 + b for three biases, then ReLU, then a sum.
Network three_neurons() {
  return {{1, 1, 2},
          {{"flatten", Flatten{}, {0}},
           {"fc", Linear{floats({3, 2}, {1, -2, 1, -2, 1, -2}), floats({3}, {0, 0.4F, 3}), {}}, {1}},
           {"relu", Relu{}, {2}},
           {"out", Linear{floats({2, 3}, {1, 1, 1, 0, 0, 0}), floats({2}, {0, 0}), {}}, {3}}}};
}

Instances boxes(std::vector<float> centres) {
  Instances out;
  const auto count = static_cast<std::int64_t>(centres.size()) / 2;
  out.rows.resize(static_cast<std::size_t>(count));
  out.centres = floats({count, 1, 1, 2}, std::move(centres));
  return out;
}

}  // namespace

TEST_CASE("unstable neurons, worked out on paper") {
  const Dataset data = random_dataset(1, {1, 1, 2}, 2, 7);
  // Around (0.5, 0.5) by 0.1: x1 - 2 x2 is in [0.4 - 1.2, 0.6 - 0.8] = [-0.8, -0.2]; with the biases [-0.8, -0.2] is
  // off,
  // [-0.4, 0.2] unstable, [2.2, 2.8] on.
  const Instances middle = boxes({0.5F, 0.5F});
  CHECK(measured(three_neurons(), data, {{"epsilons", std::vector<double>{0.1}}}, &middle)
            .values.at("unstable_neurons") == 1);
  // Around (0, 0), clipped to [0, 0.1]: x1 - 2 x2 in [-0.2, 0.1]: unstable; [0.2, 0.5] on; on. Mean of 1 and 1 is 1;
  // by 0.5 around (0.5, 0.5): [-2, 1], [-1.6, 1.4], [1, 4]: 2 and around (0, 0): [-1, 0.5], [-0.6, 0.9], on: 2.
  const Instances both = boxes({0.5F, 0.5F, 0, 0});
  const Metrics m = measured(three_neurons(), data, {{"epsilons", std::vector<double>{0.1, 0.5, 0}}}, &both);
  CHECK(m.series.at("epsilon") == std::vector<double>{0.1, 0.5, 0});
  CHECK(m.series.at("unstable_neurons") == std::vector<double>{1, 2, 0});
  CHECK(m.values.at("unstable_neurons") == 1);
}

TEST_CASE("without instances the first test images are the centres; without epsilons nothing is counted") {
  Dataset data = random_dataset(3, {1, 1, 2}, 2, 8);
  data.test.images = Tensor::of({3, 1, 1, 2}, std::vector<std::uint8_t>{0, 0, 255, 255, 0, 255});
  const auto at = [&](std::int64_t images) {
    return measured(three_neurons(), data, {{"images", images}}).values.at("unstable_neurons");
  };
  CHECK(at(1) == 1);    // as above
  CHECK(at(2) == 0.5);  // around (1, 1): [-1.1, -0.8], [-0.7, -0.4] off, on
  CHECK(measured(three_neurons(), data, {{"epsilons", std::vector<double>{}}}).values.count("unstable_neurons") == 0);
}

TEST_CASE("interval bounds hold: what random points do in a box is never called stable") {
  const Network network = every_op(9);
  std::mt19937 random(10);
  const auto centre = testing::random_input(network, random);
  // A neuron that is on at one point of the box and off at another must be counted.
  constexpr double kEpsilon = 0.05;
  std::uniform_real_distribution<double> step(-kEpsilon, kEpsilon);
  std::int64_t flips = 0;
  for (const std::size_t relu : {2U, 5U}) {
    // The network cut off before this ReLU shows its inputs.
    const Network part(network.input_shape(),
                       {network.layers().begin(), network.layers().begin() + static_cast<std::ptrdiff_t>(relu)});
    std::vector<bool> on(static_cast<std::size_t>(element_count(part.output_shape())));
    std::vector<bool> off(on.size());
    for (int i = 0; i < 50; ++i) {
      auto point = centre;
      for (double& x : point) x = std::clamp(x + step(random), 0.0, 1.0);
      const auto z = part.forward(point);
      for (std::size_t k = 0; k < z.size(); ++k) (z[k] > 0 ? on : off)[k] = true;
    }
    for (std::size_t k = 0; k < on.size(); ++k) flips += on[k] && off[k] ? 1 : 0;
  }
  Instances box;
  box.rows.resize(1);
  box.centres = floats({1, 2, 7, 8}, std::vector<float>(centre.begin(), centre.end()));
  const Dataset images = random_dataset(1, {2, 7, 8}, 3, 11);
  const auto unstable = measured(network, images, {{"epsilons", std::vector<double>{kEpsilon}}}, &box);
  CHECK(flips > 0);
  CHECK(unstable.values.at("unstable_neurons") >= static_cast<double>(flips));
}

TEST_CASE("a data set that does not fit the network is refused with both shapes") {
  const Network network = testing::net1(12);
  CHECK_THROWS_WITH_AS(measured(network, random_dataset(1, {1, 28, 27}, 10, 13)),
                       "the network takes [1, 28, 28], the images of 'random' are [1, 28, 27]", Error);
  CHECK_THROWS_WITH_AS(measured(network, random_dataset(1, {1, 28, 28}, 7, 14)),
                       "the network has 10 outputs, 'random' has 7 classes", Error);
}

TEST_CASE("instances that do not fit the network are refused with both shapes") {
  const Dataset data = random_dataset(1, {1, 1, 2}, 2, 7);
  Instances wrong = boxes({0.5F, 0.5F});
  wrong.centres = floats({1, 1, 1, 4}, {0, 0, 0, 0});  // two boxes' worth of numbers
  CHECK_THROWS_WITH_AS(measured(three_neurons(), data, {}, &wrong),
                       "the network takes [1, 1, 2], the instances' centres are [1, 1, 4]", Error);
}

TEST_CASE("a stop is seen") {
  StageBench bench("measure.network");
  bench.give("network", testing::net1(15)).give("dataset", random_dataset(200, {1, 28, 28}, 10, 16));
  bench.request_stop();
  try {
    bench.run();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::stopped);
  }
}
