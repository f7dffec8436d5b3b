// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"
#include "vnnlib.hpp"

namespace espalier::exchange {
namespace {

struct Params {
  std::string file;
};

void run(const Params& p, Context& ctx) {
  ctx.out("property", read_vnnlib(p.file));
}

}  // namespace

void describe_vnnlib(PluginBuilder& plugin) {
  plugin.stage("vnnlib", run)
      .doc(
          "Reads a property from a VNN-LIB 1.0 file, plain or gzipped. Numbers become the doubles nearest to them; "
          "what a "
          "property cannot say, strict comparisons among it, is refused with its place.")
      .output<Property>("property", "what a network must never do")
      .param("file", &Params::file, "VNN-LIB file, plain or gzipped")
      .file()
      .required();
}

}  // namespace espalier::exchange
