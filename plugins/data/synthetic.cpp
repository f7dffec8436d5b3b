// SPDX-License-Identifier: Apache-2.0
// Images that need no files, for tests. Integer arithmetic only, so that a seed gives the same bytes anywhere.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <espalier/dataset.hpp>

#include "stages.hpp"

namespace espalier::data {
namespace {

struct Params {
  std::int64_t classes = 10;
  std::int64_t train = 1000;
  std::int64_t test = 200;
  std::int64_t height = 28;
  std::int64_t width = 28;
  std::int64_t seed = 0;
};

/// The place of a class's blob, in half pixels: the middles of a grid with one cell a class.
struct Centre {
  std::int64_t y2 = 0;
  std::int64_t x2 = 0;
};

Centre centre_of(std::int64_t label, const Params& p) {
  std::int64_t side = 1;
  while (side * side < p.classes) ++side;
  return {.y2 = (2 * (label / side) + 1) * p.height / side - 1, .x2 = (2 * (label % side) + 1) * p.width / side - 1};
}

/// A bright blob that fades with the squared distance, under noise of up to a fifth of its brightness.
void draw(std::int64_t label, const Params& p, std::mt19937_64& random, std::vector<std::uint8_t>& out) {
  constexpr std::int64_t kBright = 200;
  const Centre centre = centre_of(label, p);
  const std::int64_t reach2 = std::max<std::int64_t>(1, p.height * p.width / p.classes);
  for (std::int64_t y = 0; y < p.height; ++y) {
    for (std::int64_t x = 0; x < p.width; ++x) {
      const std::int64_t dy = 2 * y - centre.y2;
      const std::int64_t dx = 2 * x - centre.x2;
      const std::int64_t signal = std::max<std::int64_t>(0, kBright - kBright * (dy * dy + dx * dx) / (2 * reach2));
      const auto noise = static_cast<std::int64_t>(random() % (kBright / 5));
      out.push_back(static_cast<std::uint8_t>(std::min<std::int64_t>(255, signal + noise)));
    }
  }
}

Split make_split(std::int64_t count, const Params& p, std::mt19937_64& random) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
  pixels.reserve(static_cast<std::size_t>(count * p.height * p.width));
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(p.classes));
    labels.push_back(label);
    draw(label, p, random, pixels);
  }
  return {.images = Tensor::of({count, 1, p.height, p.width}, std::move(pixels)),
          .labels = Tensor::of({count}, std::move(labels))};
}

void run(const Params& p, Context& ctx) {
  std::mt19937_64 random(static_cast<std::uint64_t>(p.seed));
  Dataset out;
  out.name = "synthetic";
  for (std::int64_t i = 0; i < p.classes; ++i) out.classes.push_back("blob " + std::to_string(i));
  out.train = make_split(p.train, p, random);
  out.test = make_split(p.test, p, random);
  ctx.out("dataset", std::move(out));
}

}  // namespace

void describe_synthetic(PluginBuilder& plugin) {
  plugin.stage("synthetic", run)
      .doc(
          "Makes images that are easy to tell apart, for tests of a pipeline only: a bright blob under noise, at a "
          "place "
          "that belongs to the class. Results on them say nothing about real data.")
      .output<Dataset>("dataset", "images and labels, as bytes")
      .param("classes", &Params::classes, "number of classes")
      .range(2, 100)
      .param("train", &Params::train, "number of training images")
      .range(1, 100000)
      .param("test", &Params::test, "number of test images")
      .range(1, 100000)
      .param("height", &Params::height, "of an image, in pixels")
      .range(1, 256)
      .param("width", &Params::width, "of an image, in pixels")
      .range(1, 256)
      .param("seed", &Params::seed, "of labels and noise");
}

}  // namespace espalier::data
