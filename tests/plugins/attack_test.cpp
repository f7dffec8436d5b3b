// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/dataset.hpp>
#include <espalier/error.hpp>
#include <espalier/results.hpp>

#include "../../plugins/attack/box.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using espalier::attack::PixelRange;
using espalier::testing::NetworkBuilder;
using espalier::testing::StageBench;

namespace {

Dataset dataset_of(std::int64_t pixels, std::vector<std::uint8_t> bytes, std::vector<std::int64_t> labels,
                   std::size_t classes) {
  const auto count = static_cast<std::int64_t>(labels.size());
  Dataset out;
  out.name = "made";
  out.test = {Tensor::of({count, 1, 1, pixels}, std::move(bytes)), Tensor::of({count}, std::move(labels))};
  out.train = out.test;
  out.classes.assign(classes, "x");
  return out;
}

/// Label 0 leads by 2 * threshold at the image (0.4, 0.6) and loses 2 a unit of radius, for the pixels move oppositely.
Network threshold_network(double threshold) {
  NetworkBuilder builder({1, 1, 2});
  builder.add(Flatten{});
  const double lead = 2 * threshold + 0.2;  // x0 - x1 is -0.2 at the image
  builder.linear({{1, -1}, {0, 0}}, {static_cast<float>(lead), 0});
  return builder.build();
}

Attacks::Row one_row(const std::string& mode, double threshold, double epsilon = 0.1) {
  const auto bench = StageBench("attack.fgsm")
                         .set("mode", mode)
                         .set("epsilon", epsilon)
                         .give("network", threshold_network(threshold))
                         .give("dataset", dataset_of(2, {102, 153}, {0}, 2))
                         .run();
  const auto& attacks = bench.result<Attacks>("attacks");
  REQUIRE(attacks.rows.size() == 1);
  CHECK(attacks.points.dim(0) == (attacks.rows[0].found ? 1 : 0));
  return attacks.rows[0];
}

Dataset random_images(std::int64_t pixels, const Network& network, int count, std::mt19937& random) {
  std::vector<std::uint8_t> bytes;
  std::vector<std::int64_t> labels;
  for (int i = 0; i < count; ++i) {
    std::vector<double> image;
    for (std::int64_t p = 0; p < pixels; ++p) {
      const auto byte =
          static_cast<std::uint8_t>(p % 5 == 0 ? 255 * (random() % 2) : random() % 256);  // some at a clip
      bytes.push_back(byte);
      image.push_back(static_cast<float>(byte) / 255.0F);
    }
    labels.push_back(i % 10 == 0 ? 0 : argmax(network.forward(image)));
  }
  return dataset_of(pixels, bytes, labels, 4);
}

Network net(std::mt19937& random) {
  NetworkBuilder builder({1, 1, 12});
  builder.add(Flatten{});
  builder.add(espalier::testing::random_linear(12, 16, 1, random));
  builder.add(Relu{});
  builder.add(espalier::testing::random_linear(16, 4, 1, random));
  return builder.build();
}

/// Every found point, checked anew: in the exact box, at the distance told, and wrong in double precision.
void check_points(const Attacks& attacks, const Network& network, const Dataset& dataset) {
  const auto pixels = static_cast<std::size_t>(element_count(network.input_shape()));
  const auto points = attacks.points.as<float>();
  const auto bytes = dataset.test.images.as<std::uint8_t>();
  std::size_t found = 0;
  for (const auto& row : attacks.rows) found += row.found ? 1 : 0;
  CHECK(found == attacks.point_rows.size());
  for (std::size_t k = 0; k < attacks.point_rows.size(); ++k) {
    const auto& row = attacks.rows[static_cast<std::size_t>(attacks.point_rows[k])];
    const auto point = points.subspan(k * pixels, pixels);
    double distance = 0;
    for (std::size_t i = 0; i < pixels; ++i) {
      const float c = static_cast<float>(bytes[static_cast<std::size_t>(row.image) * pixels + i]) / 255.0F;
      distance = std::max(distance, std::abs(static_cast<double>(point[i]) - c));
      CHECK((point[i] >= 0 && point[i] <= 1));
    }
    CHECK(distance <= attacks.epsilon);
    CHECK(row.distance == distance);
    const auto scores = network.forward(std::vector<double>(point.begin(), point.end()));
    const auto at = [&](std::int64_t c) { return scores[static_cast<std::size_t>(c)]; };
    CHECK(at(row.label) <= at(row.adversarial_class));
    CHECK(row.adversarial_class != row.label);
    CHECK(row.predicted == row.label);
    CHECK(row.margin <= 0);
  }
}

Attacks made_attacks(const std::vector<std::int64_t>& predicted, const std::vector<bool>& found) {
  Attacks out;
  out.method = "fgsm";
  out.epsilon = 0.1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    out.rows.push_back({.image = static_cast<std::int64_t>(i),
                        .label = 0,
                        .predicted = predicted[i],
                        .found = found[i],
                        .adversarial_class = found[i] ? 2 : predicted[i]});
  }
  return out;
}

Dataset select_dataset(std::size_t count) {
  return dataset_of(2, std::vector<std::uint8_t>(2 * count, 51), std::vector<std::int64_t>(count, 0), 10);
}

std::vector<std::int64_t> images_of(const Instances& instances) {
  std::vector<std::int64_t> out;
  for (const auto& row : instances.rows) out.push_back(row.image);
  return out;
}

}  // namespace

TEST_CASE("attack: a pixel's range is decided exactly and the nearest float lies in it") {
  CHECK(PixelRange{0.5F, 0, 0, 1}.nearest(0.7) == 0.5F);
  CHECK(PixelRange{0.0F, 0.1, 0, 1}.nearest(-0.1) == 0.0F);
  CHECK(PixelRange{1.0F, 0.1, 0, 1}.nearest(1.1) == 1.0F);
  CHECK(PixelRange{0.25F, 2, 0, 1}.nearest(-1) == 0.0F);
  CHECK(PixelRange{0.25F, 2, 0, 1}.nearest(3) == 1.0F);
  CHECK(PixelRange{0.25F, 0.1, 0, 1}.nearest(std::nan("")) == 0.25F);
  // 1 - 2^-100 rounds to 1: the difference is 1 in double, but less than 1 as a real.
  CHECK(PixelRange{0x1p-100F, 1, 0, 1}.contains(1.0F));
  // -2^-100 is further than 1 from 1.
  CHECK_FALSE(PixelRange{-0x1p-100F, 1, -1, 1}.contains(1.0F));
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform(-0.2, 1.2);
  for (int i = 0; i < 5000; ++i) {
    const auto c = static_cast<float>(random() % 256) / 255.0F;
    const double epsilon = 0.1 * static_cast<double>(random() % 3) * (i % 7 == 0 ? 1e-7 : 1);
    const PixelRange range{c, epsilon, 0, 1};
    const double wanted = i % 2 == 0 ? c + (i % 4 == 0 ? epsilon : -epsilon) : uniform(random);
    const float x = range.nearest(wanted);
    REQUIRE(range.contains(x));
    REQUIRE(std::abs(static_cast<double>(x) - c) <= epsilon);
    // No better float: the next one towards the wanted value is outside, or at or beyond it.
    const float next = std::nextafter(x, static_cast<float>(wanted));
    if (range.contains(next)) REQUIRE(std::abs(next - wanted) <= 1.2e-7);
  }
}

TEST_CASE("attack.fgsm: the three Foolbox modes on a linear net whose smallest radius is known") {
  // Both scores tie at radius `threshold`; a grid radius is the next multiple of 0.001.
  CHECK(one_row("search_v08", 0.0345).distance == doctest::Approx(0.035).epsilon(1e-5));
  CHECK(one_row("search", 0.0345).distance == doctest::Approx(0.035).epsilon(1e-5));  // no refinement: index 34
  CHECK(one_row("fixed", 0.0345).distance == doctest::Approx(0.1).epsilon(1e-5));
  // Index 10: Foolbox 2 searches (0, 0.011] in 20 steps of 0.00055; 0.01045 is the 19th.
  CHECK(one_row("search_v08", 0.0102).distance == doctest::Approx(0.011).epsilon(1e-5));
  CHECK(one_row("search", 0.0102).distance == doctest::Approx(0.01045).epsilon(1e-5));
  CHECK(one_row("search", 0.00052).distance == doctest::Approx(0.00055).epsilon(1e-3));
  // Index 18 is the last that a refinement can improve, to 19 steps of 0.00095; from index 19 on there is no step
  // between the hit and the grid radius before it, and the result is that of the grid.
  CHECK(one_row("search", 0.01802).distance == doctest::Approx(0.01805).epsilon(1e-5));
  CHECK(one_row("search", 0.01905).distance == doctest::Approx(0.020).epsilon(1e-5));
  CHECK(one_row("search", 0.02005).distance == doctest::Approx(0.021).epsilon(1e-5));
  const auto row = one_row("search_v08", 0.0345);
  CHECK(row.found);
  CHECK(row.adversarial_class == 1);
  for (const char* mode : {"search", "search_v08", "fixed"}) {
    CHECK_FALSE(one_row(mode, 0.11).found);
    CHECK_FALSE(one_row(mode, 0.0345, 0.0).found);
    CHECK_FALSE(one_row(mode, 0.0345, 0.0344).found);
    CHECK(one_row(mode, 0.0345, 1.0).found);
  }
  CHECK(one_row("fixed", 0.11).margin == doctest::Approx(0.02).epsilon(1e-4));
  CHECK_FALSE(one_row("fixed", -0.1).found);  // misclassified: not attacked
  CHECK(one_row("fixed", -0.1).predicted == 1);
}

TEST_CASE("attack: projected gradient descent does at least as well as one step, and all stay in the box") {
  std::mt19937 random(7);
  const Network network = net(random);
  const Dataset dataset = random_images(12, network, 30, random);
  for (const double epsilon : {0.0, 0.05, 0.2, 1.0}) {
    const auto attacked = [&](const std::string& stage) {
      auto bench = StageBench(stage);
      bench.set("epsilon", epsilon).give("network", network).give("dataset", dataset);
      if (stage == "attack.fgsm") bench.set("mode", "fixed");
      if (stage == "attack.pgd") bench.set("steps", std::int64_t{10}).set("restarts", std::int64_t{2});
      return bench.run().result<Attacks>("attacks");
    };
    const Attacks fgsm = attacked("attack.fgsm");
    const Attacks pgd = attacked("attack.pgd");
    check_points(fgsm, network, dataset);
    check_points(pgd, network, dataset);
    for (std::size_t i = 0; i < fgsm.rows.size(); ++i) {
      CHECK((pgd.rows[i].found || !fgsm.rows[i].found));
      // Single precision may round a score differently in a batch of another size.
      if (!fgsm.rows[i].found) CHECK(pgd.rows[i].margin <= fgsm.rows[i].margin + 1e-5);
    }
    CHECK(pgd.robustness() <= fgsm.robustness());
    if (epsilon == 0.0) CHECK(pgd.point_rows.empty());
    if (epsilon == 1.0) CHECK_FALSE(pgd.point_rows.empty());
    CHECK(attacked("attack.pgd").points == pgd.points);
  }
}

TEST_CASE("attack: a target is reached only by its own class") {
  std::mt19937 random(11);
  const Network network = net(random);
  const Dataset dataset = random_images(12, network, 20, random);
  for (const char* stage : {"attack.fgsm", "attack.pgd"}) {
    auto bench = StageBench(stage);
    bench.set("epsilon", 0.6).set("target", std::vector<std::int64_t>{2});
    bench.give("network", network).give("dataset", dataset).run();
    const auto& attacks = bench.result<Attacks>("attacks");
    check_points(attacks, network, dataset);
    for (const auto& row : attacks.rows) {
      if (row.found) CHECK(row.adversarial_class == 2);
    }
    bench.set("target", std::vector<std::int64_t>{4});
    CHECK_THROWS_AS(bench.run(), Error);
  }
}

TEST_CASE("attack.select: images on which all attacks agree, half of each kind, lowest first") {
  const std::vector<std::int64_t> right(8, 0);
  auto wrong_at_6 = right;
  wrong_at_6[6] = 3;
  auto bench = StageBench("attack.select");
  bench.give("attacks", made_attacks(right, {true, false, true, true, false, true, false, false}));
  bench.give("attacks", made_attacks(wrong_at_6, {true, false, false, true, false, true, false, false}));
  bench.give("dataset", select_dataset(8));
  // Common: found 0 3 5, not found 1 4 7; on 2 they differ, 6 is misclassified by the second.
  const auto chosen = [&](std::int64_t count, double share) {
    bench.set("count", count).set("found_share", share).run();
    return images_of(bench.result<Instances>("instances"));
  };
  CHECK(chosen(4, 0.5) == std::vector<std::int64_t>{0, 1, 3, 4});
  CHECK(chosen(2, 1) == std::vector<std::int64_t>{0, 3});
  CHECK(bench.logged().empty());
  CHECK(chosen(5, 1) == std::vector<std::int64_t>{0, 1, 3, 4, 5});  // made up from the other kind
  CHECK(bench.logged().size() == 1);
  CHECK(chosen(20, 0.5).size() == 6);
  const auto& instances = bench.result<Instances>("instances");
  CHECK(instances.rows[0].epsilon == 0.1);
  CHECK(instances.centres.shape() == Shape{6, 1, 1, 2});
  CHECK(instances.centres.as<float>()[0] == 51.0F / 255.0F);
}

TEST_CASE("attack.select: the paper's Marabou questions are 10 found and 9 classes of one not found") {
  std::vector<bool> found(30, false);
  for (std::size_t i = 10; i < 25; ++i) found[i] = true;
  const std::vector<std::int64_t> right(30, 0);
  auto bench = StageBench("attack.select");
  bench.set("targets", "marabou").give("dataset", select_dataset(30));
  bench.give("attacks", made_attacks(right, found)).run();
  const auto& instances = bench.result<Instances>("instances");
  REQUIRE(instances.rows.size() == 19);
  CHECK(instances.rows[0].image == 10);
  CHECK(instances.rows[0].target == 2);
  for (std::size_t i = 10; i < 19; ++i) {
    CHECK(instances.rows[i].image == 0);
    CHECK(instances.rows[i].target == static_cast<std::int64_t>(i) - 9);
  }
}

TEST_CASE("attack.select: Marabou's questions are 19 where images with an adversarial make up for others, too") {
  std::vector<bool> found(30, true);
  found[3] = found[5] = false;
  auto bench = StageBench("attack.select");
  bench.set("targets", "marabou").give("dataset", select_dataset(30));
  bench.give("attacks", made_attacks(std::vector<std::int64_t>(30, 0), found)).run();
  const auto& rows = bench.result<Instances>("instances").rows;
  REQUIRE(rows.size() == 19);
  CHECK(rows[9].image == 11);  // the tenth, without 3 and 5
  CHECK(std::all_of(rows.begin() + 10, rows.end(), [](const auto& row) { return row.image == 3; }));
}

TEST_CASE("attack.select: no common image is an error that tells the counts") {
  auto bench = StageBench("attack.select");
  bench.give("dataset", select_dataset(1));
  bench.give("attacks", made_attacks({0}, {true})).give("attacks", made_attacks({0}, {false}));
  try {
    bench.run();
    FAIL("an error was expected");
  } catch (const Error& e) {
    CHECK(std::string(e.what()).find("#2: 1 images, 1 correct, 0 found") != std::string::npos);
  }
}
