// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

#include <espalier/dataset.hpp>

namespace espalier::testing {

/// Class k is bright in the k-th of three stripes of a 3 x 4 image, under noise.
inline Split striped(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < count; ++i) {
    labels.push_back(i % 3);
    for (std::int64_t p = 0; p < 12; ++p) {
      const auto noise = random() % 90;
      pixels.push_back(static_cast<std::uint8_t>(p / 4 == i % 3 ? 120 + noise : noise));
    }
  }
  return {Tensor::of({count, 1, 3, 4}, std::move(pixels)), Tensor::of({count}, std::move(labels))};
}

inline Dataset stripes(std::int64_t train_images) {
  Dataset dataset;
  dataset.name = "stripes";
  dataset.train = striped(train_images, 1);
  dataset.test = striped(60, 2);
  dataset.classes = {"top", "middle", "bottom"};
  return dataset;
}

}  // namespace espalier::testing
