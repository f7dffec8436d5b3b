// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include <espalier/plugin.hpp>

#include "support/run_bench.hpp"

namespace espalier::testing {

struct Work {
  std::int64_t id = 0;
};
inline void no_body(const Work&, Context&) {
  throw std::logic_error("the test gives the body");
}

/// lab.work takes any numbers and gives one; lab.other is the same in another lane.
inline PluginSpec lab_plugin() {
  PluginBuilder plugin;
  plugin.name("lab").version("1").doc("Stages with bodies of the test.");
  for (const char* name : {"work", "other"}) {
    auto stage = plugin.stage(name, no_body);
    stage.doc("What the test says.").inputs<Num>("in", "numbers").optional().output<Num>("out", "a number");
    stage.param("id", &Work::id, "which one this is");
    if (std::string(name) == "other") stage.lane("gpu");
  }
  return plugin.take();
}

inline std::int64_t id_of(const ParamValues& params) {
  return params.at("id").as<std::int64_t>();
}

}  // namespace espalier::testing
