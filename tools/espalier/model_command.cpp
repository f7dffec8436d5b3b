// SPDX-License-Identifier: Apache-2.0
// info and convert: networks as files, without a pipeline.
#include <fmt/format.h>

#include <espalier/error.hpp>

#include "exchange/onnx.hpp"
#include "model_file.hpp"
#include "options.hpp"
#include "output_file.hpp"

namespace espalier::cli {
namespace {

/// Weights and biases, and whatever else is a number of the network.
std::int64_t parameters_of(const Op& op) {
  return std::visit(Overloaded{
                        [](const Linear& o) { return o.weight.size() + o.bias.size(); },
                        [](const Conv2d& o) { return o.weight.size() + o.bias.size(); },
                        [](const BatchNorm& o) { return 4 * o.gamma.size(); },
                        [](const Affine& o) { return o.scale.size() + o.shift.size() + o.divisor.size(); },
                        [](const auto&) { return std::int64_t{0}; },
                    },
                    op);
}

}  // namespace

int info_command(const Options& options) {
  const Network network = read_model(options.model);
  std::int64_t parameters = 0;
  fmt::print("{:>5}  {:<11} {:<20} {:>12} {}\n", "value", "operation", "shape", "parameters", "name");
  fmt::print("{:>5}  {:<11} {:<20}\n", 0, "input", to_text(network.input_shape()));
  for (std::size_t i = 0; i < network.layers().size(); ++i) {
    const Layer& layer = network.layers()[i];
    const std::int64_t own = parameters_of(layer.op);
    parameters += own;
    std::string from;
    if (layer.inputs != std::vector<int>{static_cast<int>(i)}) {
      for (const int value : layer.inputs) from += fmt::format("{}{}", from.empty() ? " from " : ", ", value);
    }
    fmt::print("{:>5}  {:<11} {:<20} {:>12} {}{}\n", i + 1, op_name(layer.op),
               to_text(network.value_shape(static_cast<int>(i) + 1)), own, printable(layer.name), from);
  }
  fmt::print("{} parameters; {} weights, {} of them 0; {} hidden neurons (ReLU)\n", parameters, network.weights(),
             network.zero_weights(), network.hidden_neurons());
  return kOk;
}

int convert_command(const Options& options) {
  const core::Path target = options.output;
  if (target.extension() != ".onnx" && target.extension() != ".h5") {
    throw Error(Code::request, fmt::format("'{}' ends neither in .onnx nor in .h5", target.string()),
                "name the file to write after what it shall be");
  }
  require_output_files(std::vector{target}, input_files(options.model));
  const Network network = read_model(options.model);
  const bool is_onnx = target.extension() == ".onnx";
  write_output_file(target, is_onnx ? exchange::onnx_bytes(network) : artifact_bytes(network));
  return kOk;
}

}  // namespace espalier::cli
