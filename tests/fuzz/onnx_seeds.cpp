// SPDX-License-Identifier: Apache-2.0
#include <random>

#include "exchange/onnx.hpp"
#include "seeds.hpp"
#include "support/onnx_file.hpp"
#include "support/random_network.hpp"
#include "support/small_networks.hpp"

namespace espalier::testing {

std::vector<std::string> seeds() {
  std::mt19937 random(9);
  Network residual = random_residual(random);
  std::vector<Layer> layers = residual.layers();
  for (Layer& layer : layers) {
    if (auto* norm = std::get_if<BatchNorm>(&layer.op)) norm->epsilon = double{1e-5F};  // as ONNX can have it
  }
  std::vector<std::string> files{exchange::onnx_bytes(random_dense({3, 4, 2}, 1, random)),
                                 exchange::onnx_bytes(Network(residual.input_shape(), std::move(layers))),
                                 OnnxFile()
                                     .input("x", {-1, 2, 3})
                                     .raw<float>("w", {6, 2}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
                                     .raw<std::int64_t>("shape", {2}, {-1, 6})
                                     .node("Reshape", {"x", "shape"}, "flat")
                                     .node("MatMul", {"flat", "w"}, "y")
                                     .node("Relu", {"y"}, "z")
                                     .output("z")
                                     .bytes()};
  for (const std::string& file : files) exchange::parse_onnx(file, "seed");
  return files;
}

}  // namespace espalier::testing
