// SPDX-License-Identifier: Apache-2.0
#include "plugin/core_stages.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/property.hpp>
#include <espalier/report.hpp>
#include <espalier/results.hpp>

#include "core/machine.hpp"

namespace espalier::plugin {
namespace {

struct SplitParams {
  std::int64_t index = 0;
  std::int64_t count = 1;
};

/// Slice `index` of `count`: contiguous, sizes differ by at most one, all slices together are the whole.
void split(const SplitParams& p, Context& ctx) {
  if (p.index >= p.count) {
    throw Error(Code::request, fmt::format("slice 'index' {} is not below 'count' {}", p.index, p.count),
                "slices are numbered from 0");
  }
  const auto& all = ctx.in<Instances>("instances");
  const auto rows = static_cast<std::int64_t>(all.rows.size());
  const std::int64_t small = rows / p.count;  // the first `larger` slices have one row more
  const std::int64_t larger = rows % p.count;
  const auto start = [&](std::int64_t slice) { return slice * small + std::min(slice, larger); };
  ctx.out("slice", all.slice(start(p.index), start(p.index + 1)));
}

struct JoinParams {};

void join(const JoinParams&, Context& ctx) {
  std::vector<const Verdicts*> parts;
  for (const Gathered& part : ctx.all("parts")) parts.push_back(static_cast<const Verdicts*>(part.artifact.get()));
  ctx.out("verdicts", Verdicts::merge(parts));
}

}  // namespace

PluginSpec core_plugin() {
  PluginBuilder plugin;
  plugin.name("core").version(core::kVersion).doc("What the planner inserts for shards.");
  plugin.kind<Dataset>().kind<Network>().kind<Instances>().kind<Attacks>().kind<Verdicts>().kind<Metrics>();
  plugin.kind<Report>().kind<Property>();
  plugin.stage("split", split)
      .doc("One slice of the instances.")
      .input<Instances>("instances", "all instances")
      .output<Instances>("slice", "contiguous rows; sizes of slices differ by at most one")
      .param("index", &SplitParams::index, "which slice, from 0")
      .at_least(0)
      .param("count", &SplitParams::count, "how many slices")
      .at_least(1);
  plugin.stage("join", join)
      .doc("The verdicts of all slices, in order.")
      .inputs<Verdicts>("parts", "verdicts of one verifier, slice by slice")
      .output<Verdicts>("verdicts", "the parts one after the other");
  return plugin.take();
}

}  // namespace espalier::plugin
