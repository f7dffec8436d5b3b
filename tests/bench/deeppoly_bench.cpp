// SPDX-License-Identifier: Apache-2.0
// Milliseconds an image for the networks of Guidotti et al. 2020, table 6 (ERAN's incomplete mode, seconds an image).
// Random weights and random images: with a radius of 0.1 nearly every neuron is unstable, so this is the worst case.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <espalier/network.hpp>

#include "abstract/question.hpp"

namespace {

using namespace espalier;
using Clock = std::chrono::steady_clock;

/// Dense layers with the given share of weights left, He-initialised for what is left.
Network random_network(const std::vector<std::int64_t>& widths, double density, std::mt19937& random) {
  std::vector<Layer> layers;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    const std::int64_t in = widths[i];
    const std::int64_t out = widths[i + 1];
    std::normal_distribution<float> normal(0, static_cast<float>(std::sqrt(2 / (density * static_cast<double>(in)))));
    std::bernoulli_distribution keep(density);
    std::vector<float> weight(static_cast<std::size_t>(in * out), 0);
    for (float& w : weight) w = keep(random) ? normal(random) : 0;
    const int value = static_cast<int>(layers.size());
    layers.push_back({"linear" + std::to_string(i),
                      Linear{Tensor::of({out, in}, std::move(weight)), Tensor::zeros(DType::f32, {out}), {}},
                      {value}});
    if (i + 2 < widths.size()) layers.push_back({"relu" + std::to_string(i), Relu{}, {value + 1}});
  }
  return Network({widths.front()}, std::move(layers));
}

/// Milliseconds an image.
double measure(const Network& network, double epsilon, int images, std::mt19937& random) {
  const abstract::Verifier verifier(network);
  std::uniform_real_distribution<float> pixel(0, 1);
  double seconds = 0;
  for (int i = 0; i < images; ++i) {
    std::vector<float> centre(static_cast<std::size_t>(network.input_shape()[0]));
    for (float& x : centre) x = pixel(random);
    const std::int64_t label = argmax(network.forward(std::vector<double>(centre.begin(), centre.end())));
    const auto start = Clock::now();
    const abstract::Box box(centre, epsilon, {0, 1});
    const auto answer =
        verifier.answer({.label = label, .target = {}, .box = &box}, abstract::Domain::deeppoly, [] { return true; });
    seconds += std::chrono::duration<double>(Clock::now() - start).count();
    if (answer.bound == 0) std::printf("a bound of exactly 0\n");  // keeps the answer in use
  }
  return 1000 * seconds / images;
}

}  // namespace

int main() {
  std::mt19937 random(1);
  const std::vector<std::int64_t> net1{784, 64, 32, 16, 10};
  const std::vector<std::int64_t> net2{784, 128, 64, 32, 10};
  std::printf("%-8s %8s %8s %10s\n", "network", "density", "epsilon", "ms/image");
  for (const auto* widths : {&net1, &net2}) {
    for (const double density : {1.0, 0.5, 0.3, 0.1}) {
      const Network network = random_network(*widths, density, random);
      for (const double epsilon : {0.01, 0.1}) {
        std::printf("%-8s %8.2f %8.2f %10.3f\n", widths == &net1 ? "NET1" : "NET2", density, epsilon,
                    measure(network, epsilon, 30, random));
      }
    }
  }
}
