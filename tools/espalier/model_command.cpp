// SPDX-License-Identifier: Apache-2.0
// info and convert: networks as files, without a pipeline.
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

#include "artifact/hdf5_image.hpp"
#include "core/disk.hpp"
#include "core/machine.hpp"
#include "exchange/onnx.hpp"
#include "options.hpp"

namespace espalier::cli {
namespace {

Network read_artifact(const core::Path& file) {
  core::RealDisk disk;
  const auto bytes = disk.read(file);
  if (!bytes) throw Error(Code::missing, fmt::format("there is no file '{}'", file.string()));
  const artifact::Image image = artifact::read_image(*bytes, file.string());
  if (image.header.kind != Network::kKind) {
    throw Error(Code::request, fmt::format("'{}' holds a {}, not a network", file.string(), image.header.kind));
  }
  if (image.header.format != Network::kFormat) {
    throw Error(Code::unsupported, fmt::format("'{}' has format {} of networks, this program reads {}", file.string(),
                                               image.header.format, Network::kFormat));
  }
  return Network::from_fields(image.fields);
}

Network read_model(const core::Path& file) {
  if (!core::RealDisk().stat(file)) {
    throw Error(Code::request, fmt::format("there is no file '{}'", file.string()),
                "give an ONNX file, gzipped or not, or a network of a store (.h5)");
  }
  return file.extension() == ".h5" ? read_artifact(file) : exchange::read_onnx(file);
}

std::string artifact_bytes(const Network& network) {
  const Fields fields = network.to_fields();
  return artifact::write_image({.kind = std::string(Network::kKind),
                                .format = Network::kFormat,
                                .digest = fields.digest(Network::kKind, Network::kFormat),
                                .writer = fmt::format("espalier {}", core::kVersion)},
                               fields);
}

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
               to_text(network.value_shape(static_cast<int>(i) + 1)), own, layer.name, from);
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
  const Network network = read_model(options.model);
  const bool is_onnx = target.extension() == ".onnx";
  core::RealDisk().write_atomically(target, is_onnx ? exchange::onnx_bytes(network) : artifact_bytes(network));
  return kOk;
}

}  // namespace espalier::cli
