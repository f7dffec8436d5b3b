// SPDX-License-Identifier: Apache-2.0
#include "onnx.hpp"
#include "stages.hpp"

namespace espalier::exchange {
namespace {

struct Params {
  std::string file;
};

void run(const Params& p, Context& ctx) {
  ctx.out("network", read_onnx(p.file));
}

}  // namespace

void describe_onnx(PluginBuilder& plugin) {
  plugin.stage("onnx", run)
      .doc(
          "Reads a network from an ONNX file, plain or gzipped. It computes over the reals what the file says: what "
          "cannot be taken over exactly is refused by the name of its node.")
      .output<Network>("network", "the network, without the batch axis")
      .param("file", &Params::file, "ONNX file, plain or gzipped")
      .file()
      .required();
}

}  // namespace espalier::exchange
