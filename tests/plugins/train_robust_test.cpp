// SPDX-License-Identifier: Apache-2.0
// Robust training: its losses and bounds against their definitions, and the stage on data where robustness is easy.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>

#include "../../plugins/train/adversary.hpp"
#include "../../plugins/train/boxes.hpp"
#include "../../plugins/train/robust_loss.hpp"
#include "plugin/spec_check.hpp"
#include "support/random_network.hpp"
#include "support/stage_bench.hpp"
#include "support/stripes.hpp"

namespace {

using espalier::Code;
using espalier::Error;
using espalier::Layer;
using espalier::Linear;
using espalier::Metrics;
using espalier::Network;
using espalier::Overloaded;
using espalier::Tensor;
using espalier::Value;
using espalier::testing::StageBench;
using espalier::testing::stripes;
using namespace espalier::train;  // NOLINT(google-build-using-namespace)
using Integers = std::vector<std::int64_t>;

at::Generator generator(std::uint64_t seed) {
  return at::make_generator<at::CPUGeneratorImpl>(seed);
}

at::Tensor matrix(const std::vector<std::vector<double>>& rows) {
  std::vector<at::Tensor> out;
  for (const auto& row : rows) out.push_back(at::tensor(row, at::kDouble));
  return at::stack(out);
}

at::Tensor uniform(at::IntArrayRef shape, std::uint64_t seed) {
  at::Generator random = generator(seed);
  return at::empty(shape, at::kDouble).uniform_(0, 1, random);
}

/// 6 inputs, hidden layers of 5 and 4 with batch norm, 3 classes, in double precision.
std::vector<Node> small_nodes(unsigned seed) {
  const Chain chain(espalier::testing::random_chain({5, 4}, seed, {6}, 3), at::kCPU);
  std::vector<Node> nodes = chain.nodes();
  const auto widen = [](at::Tensor& x) { x = x.to(at::kDouble); };
  for (Node& node : nodes) {
    std::visit(
        Overloaded{
            [&](LinearNode& n) { widen(n.weight.value), widen(n.bias.value); },
            [&](BatchNormNode& n) { widen(n.gamma.value), widen(n.beta.value), widen(n.mean), widen(n.variance); },
            [](ReluNode&) {},
        },
        node.op);
  }
  return nodes;
}

std::vector<at::Tensor> parameters(const std::vector<Node>& nodes) {
  std::vector<at::Tensor> all;
  for (const Node& node : nodes) {
    if (const auto* linear = std::get_if<LinearNode>(&node.op)) {
      all.insert(all.end(), {linear->weight.value, linear->bias.value});
    } else if (const auto* norm = std::get_if<BatchNormNode>(&node.op)) {
      all.insert(all.end(), {norm->gamma.value, norm->beta.value});
    }
  }
  return all;
}

/// Whether every entry of `gradient` is the slope of `loss` along that entry of `parameter`.
template <class Loss>
void check_slopes(const Loss& loss, const at::Tensor& parameter, const at::Tensor& gradient) {
  constexpr double kStep = 1e-6;
  double* entries = parameter.data_ptr<double>();
  const at::Tensor expected = gradient.contiguous();
  for (std::int64_t i = 0; i < parameter.numel(); ++i) {
    const double before = entries[i];
    entries[i] = before + kStep;
    const double above = loss();
    entries[i] = before - kStep;
    const double below = loss();
    entries[i] = before;
    CHECK((above - below) / (2 * kStep) == doctest::Approx(expected.data_ptr<double>()[i]).epsilon(1e-4).scale(0.01));
  }
}

StageBench robust_on_stripes(const Network& start) {
  StageBench bench("train.robust");
  bench.give("network", start).give("dataset", stripes(120));
  bench.set("holdout", 30).set("batch_size", 16).set("epochs", 6).set("ramp_epochs", 2).set("learning_rate", 0.05);
  return bench;
}

Network start_on_stripes() {
  StageBench bench("train.sgd");
  bench.give("dataset", stripes(120));
  bench.set("hidden", Integers{8, 6}).set("holdout", 30).set("batch_size", 16).set("epochs", 4).run();
  return bench.result<Network>("network");
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

const espalier::ParamSpec& parameter_of(const StageBench& bench, const std::string& name) {
  for (const auto& param : bench.stage().params) {
    if (param.name == name) return param;
  }
  FAIL("no parameter " << name);
  return bench.stage().params.front();
}

}  // namespace

TEST_CASE("train.robust: boxes contain what the network makes of every image in them") {
  const Steps steps = steps_of(small_nodes(3));
  const at::Tensor x = uniform({20, 6}, 1);
  const Boxes inputs = boxes_around(x, 0.2);
  const std::vector<Boxes> entering = propagate(steps, inputs);
  const at::Tensor labels = at::arange(20, at::kLong).remainder(3);
  const at::Tensor one_hot = at::one_hot(labels, 3).to(at::kDouble);
  const at::Tensor worst = worst_scores(steps.back(), entering.back(), one_hot);
  REQUIRE(entering.size() == steps.size());
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    at::Tensor point = inputs.centre + (uniform({20, 6}, 100 + sample) * 2 - 1).round() * inputs.radius;
    CHECK(point.ge(0).logical_and(point.le(1)).all().item<bool>());
    for (std::size_t i = 0; i < steps.size(); ++i) {
      CHECK((point - entering[i].centre).abs().le(entering[i].radius + 1e-12).all().item<bool>());
      point = apply(steps[i], point);
    }
    const at::Tensor differences = point - (point * one_hot).sum(1, /*keepdim=*/true);
    CHECK(differences.le(worst + 1e-12).all().item<bool>());
  }
}

TEST_CASE("train.robust: a box of radius zero is the image, also in the worst scores") {
  const Steps steps = steps_of(small_nodes(4));
  const at::Tensor x = uniform({5, 6}, 2);
  const at::Tensor one_hot = at::one_hot(at::zeros({5}, at::kLong), 3).to(at::kDouble);
  const at::Tensor scores = apply(steps, x);
  const at::Tensor worst = worst_scores(steps.back(), propagate(steps, boxes_around(x, 0)).back(), one_hot);
  CHECK(at::allclose(worst, scores - scores.narrow(1, 0, 1)));
}

TEST_CASE("train.robust: what two scores share cancels in their worst difference") {
  const Step last{matrix({{1, 1}, {1, -1}}), at::tensor({0.0, 0.5}, at::kDouble)};
  const Boxes box{matrix({{1, 1}}), matrix({{0.5, 0.5}})};
  // Score 1 - score 0 is 0.5 - 2 b, with b from 0.5.
  CHECK(at::allclose(worst_scores(last, box, matrix({{1, 0}})), matrix({{0, -0.5}})));
  CHECK(at::allclose(worst_scores(last, box, matrix({{0, 1}})), matrix({{2.5, 0}})));
}

TEST_CASE("train.robust: the stability loss by hand") {
  const Steps steps{{matrix({{2}, {-1}}), at::tensor({0.0, 0.5}, at::kDouble)},
                    {},
                    {matrix({{1, 1}, {0, 1}}), at::tensor({0.0, 0.0}, at::kDouble)}};
  // Around 0.5: [0.5, 1.5] and [-0.25, 0.25]. Around 1, cut off at 1: [1.5, 2] and [-0.5, -0.25].
  const auto bounds = propagate(steps, boxes_around(matrix({{0.5}, {1}}), 0.25));
  const double first = -std::tanh(1 + 0.75) - std::tanh(1 - 0.0625);
  const double second = -std::tanh(1 + 3.0) - std::tanh(1 + 0.125);
  CHECK(stability_loss(steps, bounds).item<double>() == doctest::Approx((first + second) / 2).epsilon(1e-12));
}

TEST_CASE("train.robust: the gradients of every loss are its slopes") {
  for (const Method method : {Method::pgd, Method::ibp, Method::sabr}) {
    for (const double relu_stability : {0.0, 0.2}) {
      CAPTURE(static_cast<int>(method));
      CAPTURE(relu_stability);
      const Recipe recipe{.method = method,
                          .epsilon = 0.1,
                          .small_box = 0.3,
                          .kappa = 0.25,
                          .relu_stability = relu_stability,
                          .climb = {.steps = 3, .step = 0.4}};
      const std::vector<Node> nodes = small_nodes(7);
      const at::Tensor x = uniform({8, 6}, 5);
      const at::Tensor labels = at::arange(8, at::kLong).remainder(3);
      const auto loss = [&] {
        at::Generator draws = generator(9);
        return training_loss(recipe, nodes, x, labels, draws).loss;
      };
      const std::vector<at::Tensor> all = parameters(nodes);
      for (at::Tensor parameter : all) parameter.requires_grad_(true);
      loss().backward();
      const c10::AutoGradMode no_gradients(false);
      for (const at::Tensor& parameter : all) {
        check_slopes([&] { return loss().template item<double>(); }, parameter, parameter.grad());
      }
    }
  }
}

TEST_CASE("train.robust: the clean pass normalises with its batch and moves the running statistics") {
  const std::vector<Node> nodes = small_nodes(8);
  const auto& norm = std::get<BatchNormNode>(nodes[1].op);
  const at::Tensor x = uniform({10, 6}, 6);
  const at::Tensor before = norm.mean.clone();
  const at::Tensor variance_before = norm.variance.clone();
  at::Generator draws = generator(1);
  Recipe recipe;
  recipe.kappa = 1;
  training_loss(recipe, nodes, x, at::zeros({10}, at::kLong), draws);
  const at::Tensor entering = apply(linear_step(std::get<LinearNode>(nodes[0].op)), x);
  CHECK(at::allclose(norm.mean, before * 0.9 + entering.mean(0) * 0.1));
  const at::Tensor unbiased = (entering - entering.mean(0)).square().sum(0) / 9;
  CHECK(at::allclose(norm.variance, variance_before * 0.9 + unbiased * 0.1));
}

TEST_CASE("train.robust: the adversary of a linear network is the worst corner of the box") {
  const Steps steps{{matrix({{1, -2, 0.5}, {-1, 1, 1}}), at::tensor({0.1, 0.0}, at::kDouble)}};
  const at::Tensor x = matrix({{0.5, 0.5, 0.95}, {0.05, 0.5, 0.5}});
  at::Generator draws = generator(2);
  const at::Tensor found = adversaries(steps, x, matrix({{1, 0}, {1, 0}}), 0.1, {.steps = 7, .step = 0.3}, draws);
  CHECK(at::allclose(found, matrix({{0.4, 0.6, 1}, {0, 0.6, 0.6}})));
}

TEST_CASE("train.robust: an adversary stays within the radius and among the images, and no step draws again") {
  const Steps steps = steps_of(small_nodes(5));
  const at::Tensor x = uniform({30, 6}, 7);
  const at::Tensor one_hot = at::one_hot(at::ones({30}, at::kLong), 3).to(at::kDouble);
  at::Generator draws = generator(3);
  at::Generator again = generator(3);
  const at::Tensor found = adversaries(steps, x, one_hot, 0.15, {.steps = 5, .step = 0.5}, draws);
  CHECK((found - x).abs().le(0.15 + 1e-12).all().item<bool>());
  CHECK(found.ge(0).logical_and(found.le(1)).all().item<bool>());
  CHECK(found.equal(adversaries(steps, x, one_hot, 0.15, {.steps = 5, .step = 0.5}, again)));
  at::Generator start = generator(3);
  const auto loss = [&](const at::Tensor& at_points) {
    return at::cross_entropy_loss(apply(steps, at_points), at::ones({30}, at::kLong)).item<double>();
  };
  CHECK(loss(found) > loss(adversaries(steps, x, one_hot, 0.15, {.steps = 0, .step = 0.5}, start)));
}

TEST_CASE("train.robust: what it is for gets better, and the history says so") {
  const Network start = start_on_stripes();
  for (const std::string method : {"pgd", "ibp", "sabr"}) {
    CAPTURE(method);
    StageBench bench = robust_on_stripes(start);
    bench.set("method", method).set("epsilon", 0.1).set("epochs", 25).run();
    const auto& history = bench.result<Metrics>("history");
    const auto epochs = static_cast<std::size_t>(history.values.at("epochs"));
    for (const char* name :
         {"train_loss", "monitored_loss", "accuracy", "learning_rate", "ibp_verified", "pgd_accuracy"}) {
      CHECK(history.series.at(name).size() == epochs);
    }
    CHECK(history.values.at("test_accuracy") > 0.95);
    CHECK(history.values.at("test_pgd_accuracy") > 0.9);
    CHECK(history.values.at("test_ibp_verified") <= history.values.at("test_pgd_accuracy"));
    if (method != "pgd") CHECK(history.values.at("test_ibp_verified") > 0.9);
  }
}

TEST_CASE("train.robust: the stability loss and the penalty of weights do what they are for") {
  const Network start = start_on_stripes();
  const auto sum_of_weights = [&](double l1) {
    StageBench bench = robust_on_stripes(start);
    bench.set("method", "pgd").set("l1", l1).set("epochs", 10).run();
    double sum = 0;
    for (const Layer& layer : bench.result<Network>("network").layers()) {
      if (const auto* op = std::get_if<Linear>(&layer.op)) {
        for (const float w : op->weight.as<float>()) sum += std::abs(w);
      }
    }
    return sum;
  };
  CHECK(sum_of_weights(0.01) < 0.8 * sum_of_weights(0));
  const auto verified = [&](double relu_stability) {
    StageBench bench = robust_on_stripes(start);
    bench.set("method", "pgd").set("relu_stability", relu_stability).set("epochs", 10).run();
    return bench.result<Metrics>("history").series.at("ibp_verified").back();
  };
  CHECK(verified(0.2) > verified(0));
}

TEST_CASE("train.robust: one seed gives the same bytes whatever the threads, another seed other bytes") {
  const Network start = start_on_stripes();
  const auto digest = [&](int seed, int threads) {
    StageBench bench = robust_on_stripes(start);
    bench.set("seed", seed).use_threads(threads).run();
    return bench.result<Network>("network").to_fields().digest("Network", 1).hex() +
           bench.result<Metrics>("history").to_fields().digest("Metrics", 1).hex();
  };
  CHECK(digest(1, 1) == digest(1, 2));
  CHECK(digest(1, 1) != digest(2, 1));
}

TEST_CASE("train.robust: pruned weights stay zero to the bit, the others move") {
  const Network trained = start_on_stripes();
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
  StageBench bench = robust_on_stripes(pruned);
  bench.set("l1", 1e-3).set("relu_stability", 1e-3).run();
  const auto& tuned = bench.result<Network>("network");
  CHECK(tuned.zero_weights() == pruned.zero_weights());
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto* before = std::get_if<Linear>(&layers[i].op);
    if (before == nullptr) continue;
    const auto& after = std::get<Linear>(tuned.layers()[i].op);
    CHECK(after.mask == before->mask);
    CHECK_FALSE(after.weight == before->weight);
    for (std::size_t k = 0; k < after.mask.as<std::uint8_t>().size(); ++k) {
      if (after.mask.as<std::uint8_t>()[k] == 0) CHECK(std::bit_cast<std::uint32_t>(after.weight.as<float>()[k]) == 0U);
    }
  }
}

TEST_CASE("train.robust: parameters that mean nothing are not admitted") {
  const StageBench bench("train.robust");
  const auto admits = [&](const std::string& name, const Value& value) {
    return espalier::plugin::admits(parameter_of(bench, name), value);
  };
  CHECK(admits("epsilon", Value(0.1)));
  for (const double bad : {-0.1, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK_FALSE(admits("epsilon", Value(bad)));
    CHECK_FALSE(admits("kappa", Value(bad)));
    CHECK_FALSE(admits("sabr_lambda", Value(bad)));
  }
  CHECK(admits("method", Value(std::string("ibp"))));
  CHECK_FALSE(admits("method", Value(std::string("trades"))));
  CHECK_FALSE(admits("ramp_epochs", Value(std::int64_t{-1})));
}

TEST_CASE("train.robust: what cannot work is refused with a reason") {
  SUBCASE("a convolution") {
    StageBench bench = robust_on_stripes(
        Network({1, 3, 4}, {{"conv",
                             espalier::Conv2d{.weight = Tensor::zeros(espalier::DType::f32, {1, 1, 3, 3}),
                                              .bias = Tensor::zeros(espalier::DType::f32, {1}),
                                              .mask = {},
                                              .padding = {1, 1}},
                             {0}},
                            {"flat", espalier::Flatten{}, {1}},
                            {"out",
                             Linear{.weight = Tensor::zeros(espalier::DType::f32, {3, 12}),
                                    .bias = Tensor::zeros(espalier::DType::f32, {3}),
                                    .mask = {}},
                             {2}}}));
    const Error error = failure_of(bench);
    CHECK(error.code() == Code::unsupported);
    CHECK(std::string(error.what()).find("'conv'") != std::string::npos);
  }
  SUBCASE("a network that ends with a ReLU") {
    const Network trained = start_on_stripes();
    std::vector<Layer> layers = trained.layers();
    layers.push_back({"end", espalier::Relu{}, {static_cast<int>(layers.size())}});
    StageBench bench = robust_on_stripes(Network(trained.input_shape(), layers));
    const Error error = failure_of(bench);
    CHECK(error.code() == Code::unsupported);
    CHECK(std::string(error.what()).find("'end'") != std::string::npos);
  }
  SUBCASE("a run that is being stopped") {
    StageBench bench = robust_on_stripes(start_on_stripes());
    bench.request_stop();
    CHECK(failure_of(bench).code() == Code::stopped);
  }
}
