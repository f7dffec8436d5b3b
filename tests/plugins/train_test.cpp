// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/dataset.hpp>
#include <espalier/error.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "../../plugins/train/schedule.hpp"
#include "support/stage_bench.hpp"
#include "support/stripes.hpp"

namespace {

using espalier::BatchNorm;
using espalier::Code;
using espalier::Error;
using espalier::Layer;
using espalier::Linear;
using espalier::Metrics;
using espalier::Network;
using espalier::Split;
using espalier::Tensor;
using espalier::testing::StageBench;
using espalier::testing::stripes;
using espalier::train::Plateau;
using espalier::train::Schedule;
using Integers = std::vector<std::int64_t>;

StageBench sgd_on_stripes(std::int64_t train_images = 120) {
  StageBench bench("train.sgd");
  bench.give("dataset", stripes(train_images));
  bench.set("hidden", Integers{8, 6}).set("holdout", 30).set("batch_size", 16).set("epochs", 4);
  return bench;
}

double measured_accuracy(const Network& network, const Split& split) {
  const auto images = split.images.to_doubles();
  const auto labels = split.labels.as<std::int64_t>();
  int right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    std::vector<double> image(images.begin() + static_cast<std::ptrdiff_t>(12 * i),
                              images.begin() + static_cast<std::ptrdiff_t>(12 * (i + 1)));
    for (double& pixel : image) pixel /= 255;
    if (espalier::argmax(network.forward(image)) == labels[i]) ++right;
  }
  return right / static_cast<double>(labels.size());
}

const Linear& linear(const Network& network, std::size_t layer) {
  return std::get<Linear>(network.layers()[layer].op);
}

Error failure_of(StageBench& bench) {
  try {
    bench.run();
  } catch (const Error& error) {
    return error;
  }
  FAIL("the stage did not fail");
  return Error(Code::internal, "");
}

std::vector<int> epochs_exceeding(const std::vector<double>& losses, int patience) {
  Plateau plateau;
  std::vector<int> epochs;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    if (plateau.exceeds(losses[i], patience)) epochs.push_back(static_cast<int>(i) + 1);
  }
  return epochs;
}

}  // namespace

TEST_CASE("train: a plateau is more than `patience` epochs without a better loss") {
  CHECK(epochs_exceeding({5, 4, 3, 2, 1}, 0).empty());
  CHECK(epochs_exceeding({1, 1, 1, 1, 1}, 3) == std::vector{5});
  CHECK(epochs_exceeding({1, 2, 2, 2, 0.5, 2, 2, 2, 2}, 3) == std::vector{9});
  CHECK(epochs_exceeding({1, 2, 2, 2, 2, 2, 2, 2, 2}, 3) == std::vector{5, 9});
  SUBCASE("better means lower by more than a part in 10 000") {
    CHECK(epochs_exceeding({1, 0.99995, 0.9999}, 1) == std::vector{3});
    CHECK(epochs_exceeding({1, 0.99995, 0.9998}, 1).empty());
  }
  SUBCASE("what is not a number is not better") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(epochs_exceeding({nan, nan, nan}, 1) == std::vector{2});
  }
}

TEST_CASE("train: the rate drops after four bad epochs, and the eleventh in a row ends the training") {
  Schedule schedule({.learning_rate = 1, .factor = 0.5, .patience = 3, .stop_patience = 10});
  std::vector<double> rates;
  schedule.observe(1.0);
  for (int bad = 1; !schedule.ended() && bad < 20; ++bad) {
    schedule.observe(2.0);
    rates.push_back(schedule.learning_rate());
  }
  CHECK(rates == std::vector<double>{1, 1, 1, .5, .5, .5, .5, .25, .25, .25, .25});
}

TEST_CASE("train.sgd learns, and says so in its history") {
  StageBench bench = sgd_on_stripes();
  bench.set("epochs", 20).run();
  const auto& network = bench.result<Network>("network");
  const auto& history = bench.result<Metrics>("history");
  CHECK(network.layers().size() == 8);  // flatten, twice (linear, batch norm, ReLU), linear
  CHECK(network.weights() == 12 * 8 + 8 * 6 + 6 * 3);
  CHECK(measured_accuracy(network, stripes(3).test) == 1.0);
  CHECK(history.values.at("test_accuracy") == 1.0);
  const auto epochs = static_cast<std::size_t>(history.values.at("epochs"));
  CHECK(history.series.at("train_loss").size() == epochs);
  CHECK(history.series.at("accuracy").back() == 1.0);
  CHECK(history.series.at("monitored_loss").back() < 0.1);
  CHECK(history.series.at("learning_rate").front() == 0.1);
  CHECK(bench.logged().size() == epochs);
}

TEST_CASE("train.sgd: the test accuracy is that of the network in double precision") {
  for (const int seed : {1, 2, 3}) {
    StageBench bench = sgd_on_stripes();
    bench.set("seed", seed).set("epochs", 1).set("batch_size", 45).set("learning_rate", 0.02).run();
    const double expected = measured_accuracy(bench.result<Network>("network"), stripes(3).test);
    CHECK(bench.result<Metrics>("history").values.at("test_accuracy") == doctest::Approx(expected).epsilon(1e-12));
  }
}

TEST_CASE("train.sgd starts from uniform weights within 1 / sqrt(inputs)") {
  StageBench bench = sgd_on_stripes();
  bench.set("hidden", Integers{200}).set("learning_rate", 0.0).set("epochs", 1).run();
  const auto& network = bench.result<Network>("network");
  for (const std::size_t layer : {1U, 4U}) {
    const auto bound = 1 / std::sqrt(static_cast<float>(linear(network, layer).weight.dim(1)));
    const auto [low, high] = std::ranges::minmax(linear(network, layer).weight.as<float>());
    CHECK(low >= -bound);
    CHECK(low < -0.95F * bound);
    CHECK(high <= bound);
    CHECK(high > 0.95F * bound);
  }
  for (const float gamma : std::get<BatchNorm>(network.layers()[2].op).gamma.as<float>()) CHECK(gamma == 1.0F);
}

TEST_CASE("train.sgd: one seed gives the same bytes, another seed other bytes") {
  const auto digest = [](int seed, int holdout) {
    StageBench bench = sgd_on_stripes();
    bench.set("seed", seed).set("holdout", holdout).run();
    return bench.result<Network>("network").to_fields().digest("Network", 1).hex() +
           bench.result<Metrics>("history").to_fields().digest("Metrics", 1).hex();
  };
  CHECK(digest(1, 30) == digest(1, 30));
  CHECK(digest(1, 0) == digest(1, 0));
  CHECK(digest(1, 30) != digest(2, 30));
  CHECK(digest(1, 30) != digest(1, 0));
}

TEST_CASE("train.sgd: the penalty makes gammas smaller") {
  const auto sum_of_gammas = [](double gamma_l1) {
    StageBench bench = sgd_on_stripes();
    bench.set("gamma_l1", gamma_l1).set("epochs", 10).run();
    double sum = 0;
    for (const Layer& layer : bench.result<Network>("network").layers()) {
      if (const auto* norm = std::get_if<BatchNorm>(&layer.op)) {
        for (const double gamma : norm->gamma.to_doubles()) sum += std::abs(gamma);
      }
    }
    return sum;
  };
  CHECK(sum_of_gammas(0.02) < 0.7 * sum_of_gammas(0));
}

TEST_CASE("train.sgd takes a single image that is left over, and networks without batch norm or hidden layer") {
  StageBench bench = sgd_on_stripes(30 + 33);
  SUBCASE("left over") {
    bench.set("batch_size", 16);
  }
  SUBCASE("no batch norm, one image a step") {
    bench.set("batch_norm", false).set("batch_size", 1);
  }
  SUBCASE("batches larger than the data set") {
    bench.set("batch_size", 1000);
  }
  SUBCASE("linear") {
    bench.set("hidden", Integers{});
  }
  bench.run();
  CHECK(bench.result<Metrics>("history").series.at("train_loss").back() < std::log(3.0));
}

TEST_CASE("train.finetune: pruned weights stay zero to the bit, the others move") {
  StageBench first = sgd_on_stripes();
  const Network trained = first.run().result<Network>("network");
  std::vector<Layer> layers = trained.layers();
  std::mt19937 random(3);
  for (Layer& layer : layers) {
    auto* op = std::get_if<Linear>(&layer.op);
    if (op == nullptr) continue;
    std::vector<float> weights = op->weight.to_floats();
    std::vector<std::uint8_t> mask;
    for (float& weight : weights) {
      mask.push_back(static_cast<std::uint8_t>(random() % 2));
      if (mask.back() == 0) weight = 0.0F;
    }
    op->mask = Tensor::of(op->weight.shape(), std::move(mask));
    op->weight = Tensor::of(op->weight.shape(), std::move(weights));
  }
  const Network pruned(trained.input_shape(), layers);

  StageBench bench("train.finetune");
  bench.give("network", pruned).give("dataset", stripes(120));
  bench.set("holdout", 30).set("batch_size", 16).set("epochs", 5).set("gamma_l1", 1e-3).run();
  const auto& tuned = bench.result<Network>("network");
  CHECK(tuned.zero_weights() == pruned.zero_weights());
  for (const std::size_t layer : {1U, 4U, 7U}) {
    const Linear& before = linear(pruned, layer);
    const Linear& after = linear(tuned, layer);
    CHECK(after.mask == before.mask);
    CHECK_FALSE(after.weight == before.weight);
    for (std::size_t i = 0; i < after.mask.as<std::uint8_t>().size(); ++i) {
      if (after.mask.as<std::uint8_t>()[i] == 0) CHECK(std::bit_cast<std::uint32_t>(after.weight.as<float>()[i]) == 0U);
    }
  }
}

TEST_CASE("train: what cannot work is refused with a reason") {
  SUBCASE("more held out than there is") {
    StageBench bench = sgd_on_stripes();
    const Error error = failure_of(bench.set("holdout", 120));
    CHECK(error.code() == Code::request);
    CHECK(std::string(error.what()) == "'holdout' is 120, but dataset 'stripes' has 120 training images");
  }
  SUBCASE("batch norm of single images") {
    StageBench bench = sgd_on_stripes();
    CHECK(failure_of(bench.set("batch_size", 1)).code() == Code::request);
  }
  SUBCASE("divergence") {
    StageBench bench = sgd_on_stripes();
    const Error error = failure_of(bench.set("learning_rate", 1000.0).set("weight_decay", 1000.0));
    CHECK(error.code() == Code::numeric);
    CHECK(std::string(error.what()).find("diverged in epoch 1 at learning rate 1000") != std::string::npos);
    CHECK(error.hint().find("learning_rate = 100") != std::string::npos);
  }
  SUBCASE("a run that is being stopped") {
    StageBench bench = sgd_on_stripes();
    bench.request_stop();
    CHECK(failure_of(bench).code() == Code::stopped);
  }
  SUBCASE("a branch") {
    StageBench bench("train.finetune");
    const Linear three{.weight = Tensor::zeros(espalier::DType::f32, {3, 12}),
                       .bias = Tensor::zeros(espalier::DType::f32, {3}),
                       .mask = {}};
    bench.give("dataset", stripes(120)).set("holdout", 30);
    bench.give("network", Network({1, 3, 4}, {{"flat", espalier::Flatten{}, {0}},
                                              {"left", three, {1}},
                                              {"right", three, {1}},
                                              {"join", espalier::Add{}, {2, 3}}}));
    const Error error = failure_of(bench);
    CHECK(error.code() == Code::unsupported);
    CHECK(std::string(error.what()).find("'right'") != std::string::npos);
  }
}
