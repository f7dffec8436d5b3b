// SPDX-License-Identifier: Apache-2.0
#include "model_file.hpp"

#include <fmt/format.h>

#include <espalier/error.hpp>

#include "exchange/file.hpp"
#include "exchange/onnx.hpp"

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

}  // namespace

std::vector<core::Path> input_files(const core::Path& file) {
  return {file, exchange::plain_or_packed(file)};
}

Network read_model(const core::Path& file) {
  if (!core::RealDisk().stat(exchange::plain_or_packed(file))) {
    throw Error(Code::request, fmt::format("there is no file '{}'", file.string()),
                "give an ONNX file, gzipped or not, or a network of a store (.h5)");
  }
  return file.extension() == ".h5" ? read_artifact(file) : exchange::read_onnx(file);
}

}  // namespace espalier::cli
