// SPDX-License-Identifier: Apache-2.0
// The cheapest stage there can be, so that the engine's own cost is what a benchmark sees.
#include <espalier/plugin.hpp>
#include <espalier/results.hpp>

namespace {

struct Params {
  double value = 0;
};

void number(const Params& p, espalier::Context& ctx) {
  espalier::Metrics metrics;
  metrics.values["value"] = p.value;
  ctx.out("metrics", std::move(metrics));
}

}  // namespace

ESPALIER_PLUGIN(plugin) {
  plugin.name("trivial").version("1").doc("For measuring the engine.");
  plugin.stage("number", number)
      .doc("Gives its parameter.")
      .output<espalier::Metrics>("metrics", "the number")
      .param("value", &Params::value, "the number");
}
