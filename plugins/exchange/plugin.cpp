// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("exchange").version("0.1.0").doc("Other programs' files: networks in ONNX, properties in VNN-LIB.");
  espalier::exchange::describe_onnx(plugin);
  espalier::exchange::describe_vnnlib(plugin);
}
