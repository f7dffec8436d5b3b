// SPDX-License-Identifier: Apache-2.0
// CPU milliseconds a replay, decided in double and decided exactly (a constraint that is a tie). Prints a table; not a
// test.
#include <cstdio>
#include <ctime>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <espalier/replay.hpp>

#include "support/random_network.hpp"
#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

double milliseconds(const Network& network, const std::vector<double>& point, const Property& property, int times) {
  const std::clock_t start = std::clock();
  for (int i = 0; i < times; ++i) replay(network, point, property);
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / times;
}

void bench(const std::string& name, const Network& network, int times) {
  std::mt19937 random(1);
  std::vector<double> point = random_input(network, random);
  for (double& x : point) x = static_cast<float>(x);
  const double y = network.forward(point)[0];
  Property property;
  property.inputs = element_count(network.input_shape());
  property.outputs = element_count(network.output_shape());
  property.boxes = {{point, point}};
  const auto limit_at = [&](double limit) {
    property.cases = {{.box = 0, .constraints = {{.terms = {{0, 1}}, .limit = limit}}}};
    return property;
  };
  const double clear = milliseconds(network, point, limit_at(y + 1), times);
  const double tie = milliseconds(network, point, limit_at(y), times);
  std::printf("%-28s %10.3f ms %10.3f ms\n", name.c_str(), clear, tie);
}

/// `blocks` residual blocks of two 3x3 convolutions on 28x28 images.
Network residual(std::int64_t channels, int blocks) {
  std::mt19937 random(1);
  NetworkBuilder builder({1, 28, 28});
  builder.add(random_convolution(1, channels, 3, random));
  int trunk = builder.add(Relu{});
  for (int i = 0; i < blocks; ++i) {
    builder.add(random_convolution(channels, channels, 3, random), {trunk});
    builder.add(Relu{});
    const int branch = builder.add(random_convolution(channels, channels, 3, random));
    builder.add(Add{}, {trunk, branch});
    trunk = builder.add(Relu{});
  }
  builder.add(AvgPool{.kernel = {28, 28}, .stride = {1, 1}});
  builder.add(Flatten{});
  builder.add(random_linear(channels, 10, 1, random));
  return builder.build();
}

}  // namespace

int main() {
  std::printf("%-28s %13s %13s\n", "", "in double", "exactly");
  std::mt19937 random(1);
  bench("NET1", net1(1), 20);
  bench("NET1 without batch norm", random_dense({784, 64, 32, 16, 10}, 1, random), 20);
  bench("NET2", net2(1), 20);
  bench("784-256-256-256-256-10", random_dense({784, 256, 256, 256, 256, 10}, 1, random), 5);
  bench("residual, 16 channels, 2", residual(16, 2), 1);
}
