// SPDX-License-Identifier: Apache-2.0
// The LibTorch bridge, and hand-written training against LibTorch's own.

#include <random>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <doctest/doctest.h>
#include <torch/optim/sgd.h>

#include <espalier/error.hpp>
#include <espalier/results.hpp>
#include <espalier/torch.hpp>

#include "../plugins/train/kernels.hpp"
#include "support/stage_bench.hpp"

namespace {

using espalier::DType;
using espalier::Layer;
using espalier::Network;
using espalier::Shape;
using espalier::Tensor;
using espalier::testing::StageBench;
using namespace espalier::train;  // NOLINT(google-build-using-namespace)

/// Small numbers of either sign from an own generator.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}
  float next(float low, float high) { return low + (high - low) * static_cast<float>(random_() % 10000) / 10000.0F; }
  Tensor tensor(const Shape& shape, float low = -1, float high = 1) {
    std::vector<float> values(static_cast<std::size_t>(espalier::element_count(shape)));
    for (float& value : values) value = next(low, high);
    return Tensor::of(shape, std::move(values));
  }

 private:
  std::mt19937 random_;
};

/// Every kind of operation, with a branch.
Network every_op() {
  Draw draw(5);
  const auto norm = [&](std::int64_t n) {
    return espalier::BatchNorm{draw.tensor({n}), draw.tensor({n}), draw.tensor({n}), draw.tensor({n}, .5F, 2), 1e-3};
  };
  espalier::Conv2d conv{.weight = draw.tensor({4, 1, 3, 2}), .bias = draw.tensor({4}), .mask = {}};
  conv.stride = {1, 2};
  conv.padding = {1, 0};
  conv.groups = 2;
  const espalier::Conv2d point{.weight = draw.tensor({4, 4, 1, 1}), .bias = draw.tensor({4}), .mask = {}};
  const espalier::AvgPool pool{.kernel = {2, 2}, .stride = {2, 1}, .padding = {1, 0}};
  const espalier::Affine scale{draw.tensor({4, 3, 2}), draw.tensor({4, 3, 2}), draw.tensor({4, 3, 2}, .5F, 2)};
  return Network({2, 5, 6}, {{"conv", conv, {0}},
                             {"norm", norm(4), {1}},
                             {"relu", espalier::Relu{}, {2}},
                             {"point", point, {3}},
                             {"join", espalier::Add{}, {3, 4}},
                             {"pool", pool, {5}},
                             {"scale", scale, {6}},
                             {"pad", espalier::Pad{.before = {0, 1}, .after = {1, 0}}, {7}},
                             {"turn", espalier::Transpose{{1, 2, 0}}, {8}},
                             {"shape", espalier::Reshape{{3, 16}}, {9}},
                             {"flat", espalier::Flatten{}, {10}},
                             {"out", espalier::Linear{draw.tensor({3, 48}), draw.tensor({3}), {}}, {11}}});
}

Network chain_of(Shape input, const std::vector<std::int64_t>& widths, unsigned seed) {
  Draw draw(seed);
  std::vector<Layer> layers;
  const auto add = [&](const std::string& name, espalier::Op op) {
    layers.push_back({name, std::move(op), {static_cast<int>(layers.size())}});
  };
  add("flatten", espalier::Flatten{});
  std::int64_t before = espalier::element_count(input);
  for (const std::int64_t width : widths) {
    if (layers.size() > 1) add("relu", espalier::Relu{});
    add("linear", espalier::Linear{draw.tensor({width, before}, -.5F, .5F), draw.tensor({width}, -.5F, .5F), {}});
    if (width != widths.back()) {
      add("norm", espalier::BatchNorm{draw.tensor({width}), draw.tensor({width}), draw.tensor({width}),
                                      draw.tensor({width}, .5F, 2)});
    }
    before = width;
  }
  return Network(std::move(input), std::move(layers));
}

espalier::Dataset noise(std::int64_t images) {
  std::mt19937 random(9);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(images * 12));
  std::vector<std::int64_t> labels(static_cast<std::size_t>(images));
  for (auto& pixel : pixels) pixel = static_cast<std::uint8_t>(random() % 256);
  for (auto& label : labels) label = static_cast<std::int64_t>(random() % 3);
  espalier::Dataset dataset;
  dataset.name = "noise";
  dataset.train = {Tensor::of({images, 1, 3, 4}, std::move(pixels)), Tensor::of({images}, std::move(labels))};
  dataset.test = dataset.train;
  dataset.classes = {"a", "b", "c"};
  return dataset;
}

/// What train.finetune should do, by autograd and LibTorch's optimiser.
class Reference {
 public:
  Reference(const Network& network, const espalier::Dataset& dataset) : start_(network) {
    x_ = espalier::images_as_float(dataset.train).flatten(1);
    labels_ = espalier::to_torch(dataset.train.labels);
    for (const Layer& layer : network.layers()) {
      if (const auto* linear = std::get_if<espalier::Linear>(&layer.op)) {
        add(linear->weight), add(linear->bias);
      } else if (const auto* norm = std::get_if<espalier::BatchNorm>(&layer.op)) {
        gammas_.push_back(parameters_.size());
        add(norm->gamma), add(norm->beta);
        statistics_.push_back(espalier::to_torch(norm->mean));
        statistics_.push_back(espalier::to_torch(norm->variance));
      }
    }
  }

  /// Returns the mean loss of each epoch.
  std::vector<double> train(std::int64_t epochs, const std::vector<std::int64_t>& batches, std::uint64_t seed,
                            double gamma_l1) {
    auto options = torch::optim::SGDOptions(0.1).momentum(0.9).nesterov(true).weight_decay(0.01);
    torch::optim::SGD optimiser(parameters_, options);
    at::Generator order = at::make_generator<at::CPUGeneratorImpl>(seed);
    std::vector<double> losses;
    for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
      const at::Tensor shuffled = at::randperm(x_.size(0), order, at::TensorOptions(at::kLong));
      double sum = 0;
      std::int64_t begin = 0;
      for (const std::int64_t rows : batches) {
        const at::Tensor chosen = shuffled.narrow(0, begin, rows);
        begin += rows;
        optimiser.zero_grad();
        const at::Tensor loss =
            at::cross_entropy_loss(scores(x_.index_select(0, chosen)), labels_.index_select(0, chosen));
        loss.backward();
        for (const std::size_t gamma : gammas_) {
          parameters_[gamma].mutable_grad().add_(parameters_[gamma].detach().sign(), gamma_l1);
        }
        optimiser.step();
        sum += loss.item<double>() * static_cast<double>(rows);
      }
      losses.push_back(sum / static_cast<double>(x_.size(0)));
    }
    return losses;
  }

  /// Parameters of each layer in turn, then the running statistics.
  std::vector<at::Tensor> state() const {
    std::vector<at::Tensor> all;
    for (const at::Tensor& parameter : parameters_) all.push_back(parameter.detach());
    all.insert(all.end(), statistics_.begin(), statistics_.end());
    return all;
  }

 private:
  void add(const Tensor& value) { parameters_.push_back(espalier::to_torch(value).requires_grad_()); }

  at::Tensor scores(at::Tensor x) {
    auto parameter = parameters_.begin();
    auto statistic = statistics_.begin();
    for (const Layer& layer : start_.layers()) {
      if (std::holds_alternative<espalier::Linear>(layer.op)) {
        x = at::linear(x, parameter[0], parameter[1]);
        parameter += 2;
      } else if (const auto* norm = std::get_if<espalier::BatchNorm>(&layer.op)) {
        x = at::batch_norm(x, parameter[0], parameter[1], statistic[0], statistic[1], true, 0.1, norm->epsilon, false);
        parameter += 2;
        statistic += 2;
      } else if (std::holds_alternative<espalier::Relu>(layer.op)) {
        x = at::relu(x);
      }
    }
    return x;
  }

  Network start_;
  at::Tensor x_, labels_;
  std::vector<at::Tensor> parameters_, statistics_;
  std::vector<std::size_t> gammas_;
};

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST_CASE("torch: tensors go there and come back") {
  Draw draw(1);
  const Tensor floats = draw.tensor({2, 3, 4});
  CHECK(espalier::from_torch(espalier::to_torch(floats)) == floats);
  CHECK(espalier::from_torch(espalier::to_torch(floats).transpose(0, 2).contiguous().transpose(0, 2)) == floats);
  const Tensor bytes = Tensor::of<std::uint8_t>({3}, {0, 7, 255});
  CHECK(espalier::from_torch(espalier::to_torch(bytes)) == bytes);
  const Tensor integers = Tensor::of<std::int64_t>({1, 2}, {-1, std::int64_t{1} << 60});
  CHECK(espalier::from_torch(espalier::to_torch(integers)) == integers);
  CHECK(espalier::from_torch(espalier::to_torch(Tensor())) == Tensor());
  CHECK_THROWS_WITH_AS(espalier::from_torch(at::ones({2}, at::kBool)), "artifacts do not hold elements of type 'Bool'",
                       espalier::Error);
}

TEST_CASE("torch: a copy is a copy") {
  const Tensor ones = Tensor::of<float>({2}, {1, 1});
  at::Tensor there = espalier::to_torch(ones);
  there.zero_();
  CHECK(ones.as<float>()[0] == 1.0F);
  const Tensor back = espalier::from_torch(there);
  there.fill_(5);
  CHECK(back.as<float>()[0] == 0.0F);
}

TEST_CASE("torch: a pixel is the float division of a byte by 255") {
  std::vector<std::uint8_t> bytes(256);
  for (std::size_t i = 0; i < 256; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  const espalier::Split split{Tensor::of({1, 1, 16, 16}, std::move(bytes)), Tensor::of<std::int64_t>({1}, {0})};
  const auto pixels = espalier::from_torch(espalier::images_as_float(split)).to_floats();
  for (std::size_t i = 0; i < 256; ++i) CHECK(pixels[i] == static_cast<float>(i) / 255.0F);
}

TEST_CASE("torch: a scope sets the thread up for a stage and puts everything back") {
  StageBench ctx("train.sgd");  // as a context of one thread
  at::set_num_threads(2);
  {
    const c10::InferenceMode left_behind;
    {
      espalier::TorchScope scope(ctx, 3);
      CHECK(at::get_num_threads() == 1);
      CHECK(at::GradMode::is_enabled());
      CHECK_FALSE(c10::InferenceMode::is_enabled());
      espalier::TorchScope again(ctx, 3);
      CHECK(at::rand({4}, scope.generator()).equal(at::rand({4}, again.generator())));
      CHECK_FALSE(at::rand({4}, scope.generator()).equal(at::rand({4}, espalier::TorchScope(ctx, 4).generator())));
    }
    CHECK_FALSE(at::GradMode::is_enabled());
    CHECK(c10::InferenceMode::is_enabled());
  }
  CHECK(at::get_num_threads() == 2);
  at::set_num_threads(1);
}

TEST_CASE("torch: every operation gives what the network gives, and so do the gradients") {
  const Network network = every_op();
  Draw draw(2);
  const std::int64_t pixels = espalier::element_count(network.input_shape());
  at::Tensor x = espalier::to_torch(draw.tensor({4, pixels}, 0, 1)).to(at::kDouble).requires_grad_();
  const at::Tensor y = espalier::forward(network, x);
  REQUIRE(y.sizes() == at::IntArrayRef({4, 3}));
  y.select(1, 1).sum().backward();
  for (std::int64_t image = 0; image < 4; ++image) {
    const auto row = espalier::from_torch(x.detach()[image]).to_doubles();
    const auto scores = network.forward(row);
    for (std::int64_t c = 0; c < 3; ++c) {
      CHECK(y[image][c].item<double>() == doctest::Approx(scores[static_cast<std::size_t>(c)]).epsilon(1e-9));
    }
    for (std::size_t p = 0; p < row.size(); p += 7) {
      constexpr double kStep = 1e-6;
      auto above = row, below = row;
      above[p] += kStep, below[p] -= kStep;
      const double slope = (network.forward(above)[1] - network.forward(below)[1]) / (2 * kStep);
      CHECK(x.grad()[image][static_cast<std::int64_t>(p)].item<double>() == doctest::Approx(slope).epsilon(1e-6));
    }
  }
}

TEST_CASE("torch: accuracy counts ties for the first class and nothing for a NaN") {
  const auto classified = [](std::vector<float> bias) {
    const Network network(
        {1, 3, 4}, {{"flat", espalier::Flatten{}, {0}},
                    {"out",
                     espalier::Linear{Tensor::zeros(DType::f32, {3, 12}), Tensor::of<float>({3}, std::move(bias)), {}},
                     {1}}});
    espalier::Split split{noise(3).train.images, Tensor::of<std::int64_t>({3}, {0, 1, 2})};
    return espalier::accuracy(espalier::TorchNetwork(network), split);
  };
  CHECK(classified({1, 1, 0}) == doctest::Approx(1.0 / 3));
  CHECK(classified({0, 2, 1}) == doctest::Approx(1.0 / 3));
  const float huge = 3e38F;
  const Network overflow(
      {1, 1, 1},
      {{"flat", espalier::Flatten{}, {0}},
       {"wide",
        espalier::Linear{Tensor::of<float>({2, 1}, {huge, -huge}), Tensor::of<float>({2}, {huge, -huge}), {}},
        {1}},
       {"out", espalier::Linear{Tensor::of<float>({2, 2}, {1, 1, 0, 0}), Tensor::zeros(DType::f32, {2}), {}}, {2}}});
  const espalier::Split white{Tensor::of<std::uint8_t>({1, 1, 1, 1}, {255}), Tensor::of<std::int64_t>({1}, {0})};
  CHECK(espalier::accuracy(espalier::TorchNetwork(overflow), white) == 0.0);
}

TEST_CASE("train: loops and ATen operations do the same") {
  const auto loops = cpu_kernels();
  const auto aten = aten_kernels();
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(4);
  const auto random = [&](at::IntArrayRef shape) { return at::randn(shape, generator); };
  for (const auto& [rows, width] : {std::pair{2, 1}, {7, 5}, {64, 33}, {65, 64}}) {
    CAPTURE(rows);
    CAPTURE(width);
    const at::Tensor x = random({rows, width});
    const auto agree = [&](auto&& apply) {
      at::Tensor a = at::empty({rows, width}), b = at::empty({rows, width});
      apply(*loops, a), apply(*aten, b);
      CHECK(largest_difference(a, b) < 2e-5);
      return a;
    };
    const at::Tensor y = agree([&](const Kernels& k, at::Tensor& out) { k.relu(x, out); });
    const at::Tensor dy = random({rows, width});
    agree([&](const Kernels& k, at::Tensor& out) { k.relu_backward(y, dy, out); });
    at::Tensor sums = at::empty({width});
    loops->column_sums(x, sums);
    CHECK(largest_difference(sums, x.sum(0)) < 2e-5);

    const at::Tensor images = at::randint(256, {9, width}, generator, at::TensorOptions(at::kByte));
    const at::Tensor index = at::randint(9, {rows}, generator, at::TensorOptions(at::kLong));
    at::Tensor loaded = at::empty({rows, width});
    loops->load(images, index, loaded);
    at::Tensor loaded_by_aten = at::empty({rows, width});
    aten->load(images, index, loaded_by_aten);
    CHECK(loaded.equal(loaded_by_aten));

    std::vector<at::Tensor> totals;
    const at::Tensor labels = at::randint(width, {rows}, generator, at::TensorOptions(at::kLong));
    agree([&](const Kernels& k, at::Tensor& out) {
      k.cross_entropy(x, labels, out, totals.emplace_back(at::ones({2}, at::kDouble)));
    });
    CHECK(totals[0][0].item<double>() == doctest::Approx(totals[1][0].item<double>()).epsilon(1e-5));
    CHECK(totals[0][1].item<double>() == totals[1][1].item<double>());

    const at::Tensor start = random({4, width});
    std::vector<at::Tensor> nodes;
    agree([&](const Kernels& k, at::Tensor& out) {
      const at::Tensor now = nodes.emplace_back(at::cat({start.abs(), at::zeros({2, width})}));
      const BatchNormNode node{{now[0], now[4]}, {now[1], now[5]}, now[2], now[3], 1e-5};
      BatchNormSaved saved{at::empty({rows, width}), at::empty({width}), at::empty({width})};
      at::Tensor normalised = at::empty({rows, width});
      k.batch_norm(node, x, saved, normalised);
      k.batch_norm_backward(node, saved, dy, out);
      out.add_(normalised);
    });
    CHECK(largest_difference(nodes[0], nodes[1]) < 1e-4);

    std::vector<at::Tensor> stepped;
    for (const auto* k : {loops.get(), aten.get()}) {
      const at::Tensor& state = stepped.emplace_back(at::cat({x.flatten(), dy.flatten()}).view({2, -1}).clone());
      k->descend(state[0], dy.flatten(), state[1], {0.1, 0.9, 0.01});
    }
    CHECK(largest_difference(stepped[0], stepped[1]) < 1e-6);
  }
}

TEST_CASE("train.finetune takes the steps that autograd and torch::optim::SGD take") {
  const Network network = chain_of({1, 3, 4}, {7, 5, 3}, 11);
  const espalier::Dataset dataset = noise(33);
  const auto compare = [&](std::int64_t batch_size, const std::vector<std::int64_t>& batches, double gamma_l1) {
    Reference reference(network, dataset);
    const auto losses = reference.train(4, batches, 6, gamma_l1);
    StageBench bench("train.finetune");
    bench.give("network", network).give("dataset", dataset).set("holdout", 0).set("seed", 6).set("epochs", 4);
    bench.set("batch_size", batch_size).set("weight_decay", 0.01).set("gamma_l1", gamma_l1).run();
    const auto& history = bench.result<espalier::Metrics>("history").series.at("train_loss");
    for (std::size_t i = 0; i < losses.size(); ++i) CHECK(history[i] == doctest::Approx(losses[i]).epsilon(1e-5));
    const auto expected = reference.state();
    const auto reached = Reference(bench.result<Network>("network"), dataset).state();
    REQUIRE(reached.size() == expected.size());
    for (std::size_t i = 0; i < reached.size(); ++i) CHECK(largest_difference(reached[i], expected[i]) < 1e-5);
  };
  SUBCASE("all images at once") {
    compare(33, {33}, 0);
  }
  SUBCASE("several batches") {
    compare(11, {11, 11, 11}, 0);
  }
  SUBCASE("a shorter last batch") {
    compare(14, {14, 14, 5}, 0);
  }
  SUBCASE("a single image joins the last batch") {
    compare(8, {8, 8, 8, 9}, 0);
  }
  SUBCASE("with a penalty of the gammas") {
    compare(11, {11, 11, 11}, 0.05);
  }
}
