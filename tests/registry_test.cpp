// SPDX-License-Identifier: Apache-2.0
#include "plugin/registry.hpp"

#include <limits>

#include <doctest/doctest.h>

#include <espalier/results.hpp>

using espalier::Context;
using espalier::Error;
using espalier::Instances;
using espalier::Metrics;
using espalier::ParamValues;
using espalier::PluginBuilder;
using espalier::PluginSpec;
using espalier::Value;
using espalier::Verdicts;
using espalier::plugin::Registry;

namespace {

struct Params {
  double rate = 0.5;
  std::int64_t count = 3;
  std::string way = "up";
  std::vector<double> weights{0.1, 0.2};
  double scale = std::numeric_limits<double>::quiet_NaN();
};

void nothing(const Params&, Context&) {}

/// A plugin with one good stage, for a test to spoil.
PluginSpec good() {
  PluginBuilder plugin;
  plugin.name("acme").version("1").doc("A plugin.");
  plugin.stage("work", nothing)
      .doc("Works.")
      .input<Metrics>("metrics", "numbers")
      .output<Metrics>("metrics", "more numbers")
      .param("rate", &Params::rate, "how fast")
      .range(0, 1)
      .param("count", &Params::count, "how many")
      .at_least(1)
      .param("way", &Params::way, "which way")
      .choices({"up", "down"});
  return plugin.take();
}

std::vector<std::string> faults_of(PluginSpec spec) {
  return Registry().add(std::move(spec), {});
}
using Faults = std::vector<std::string>;

/// Inputs by port, outputs by port.
class Desk final : public Context {
 public:
  std::map<std::string, std::vector<espalier::Gathered>, std::less<>> inputs;
  std::map<std::string, espalier::ArtifactPtr, std::less<>> outputs;

  const std::vector<espalier::Gathered>& all(std::string_view port) override { return inputs.find(port)->second; }
  int threads() const override { return 1; }
  std::string_view device() const override { return "cpu"; }
  bool stop_requested() const override { return false; }
  void log(std::string_view) override {}
  void progress(double, double) override {}
  const std::filesystem::path& scratch() override { return scratch_; }
  const std::filesystem::path& folder() const override { return scratch_; }

 private:
  const espalier::Artifact& input(std::string_view port, std::string_view) override {
    return *inputs.find(port)->second.at(0).artifact;
  }
  const espalier::Artifact* optional_input(std::string_view, std::string_view) override { return nullptr; }
  void set_output(std::string_view port, espalier::ArtifactPtr artifact) override {
    outputs.insert_or_assign(std::string(port), std::move(artifact));
  }
  std::filesystem::path scratch_;
};

Instances instances(std::int64_t rows) {
  Instances out;
  for (std::int64_t i = 0; i < rows; ++i) out.rows.push_back({.image = i, .label = 0, .target = {}, .epsilon = 0.1});
  out.centres = espalier::Tensor::zeros(espalier::DType::f32, {rows, 2});
  return out;
}

std::vector<std::int64_t> images_of_slice(std::int64_t rows, std::int64_t index, std::int64_t count) {
  const Registry registry;
  Desk desk;
  desk.inputs["instances"].push_back({std::make_shared<const Instances>(instances(rows)), {}});
  registry.body (*registry.find_stage("core.split"))({{"index", index}, {"count", count}}, desk);
  std::vector<std::int64_t> images;
  for (const auto& row : static_cast<const Instances&>(*desk.outputs.at("slice")).rows) images.push_back(row.image);
  return images;
}

}  // namespace

TEST_CASE("a new registry knows the built-in kinds and the stages of core") {
  const Registry registry;
  std::vector<std::string> kinds;
  for (const espalier::KindSpec* kind : registry.kinds()) kinds.push_back(kind->name);
  CHECK(kinds == std::vector<std::string>{"Attacks", "Dataset", "Instances", "Metrics", "Network", "Property", "Report",
                                          "Verdicts"});
  CHECK(registry.find_stage("core.split") != nullptr);
  CHECK(registry.find_stage("core.join") != nullptr);
  CHECK(registry.stages().empty());
  CHECK(registry.find_stage("core.nothing") == nullptr);
  CHECK(registry.find_kind("Nothing") == nullptr);
  REQUIRE(registry.plugins().size() == 1);
  CHECK(registry.plugins()[0].file.empty());
}

TEST_CASE("stages are found by qualified name, with their origin") {
  Registry registry;
  CHECK(registry.add(good(), {}).empty());
  REQUIRE(registry.stages().size() == 1);
  const espalier::StageSpec* stage = registry.find_stage("acme.work");
  REQUIRE(stage == registry.stages()[0]);
  CHECK(registry.origin(*stage).name == "acme");
  CHECK(registry.origin(*stage).version == "1");
  const Registry moved = std::move(registry);
  CHECK(moved.find_stage("acme.work") == stage);
}

TEST_CASE("a plugin whose name is taken is refused whole") {
  Registry registry;
  CHECK(registry.add(good(), {}).empty());
  PluginSpec second = good();
  second.stages[0].name = "other";
  CHECK(registry.add(second, {}) == Faults{"plugin name 'acme' of the engine itself is already taken by the engine "
                                           "itself; rename one of them or load only one"});
  CHECK(registry.find_stage("acme.other") == nullptr);
}

TEST_CASE("every fault of a description is found") {
  PluginSpec spec = good();
  espalier::StageSpec& stage = spec.stages[0];
  SUBCASE("none") {
    CHECK(faults_of(spec) == Faults{});
  }
  SUBCASE("names") {
    spec.name = "Acme";
    stage.name = "do-it";
    stage.params[0].name = "2nd";
    CHECK(faults_of(spec) == Faults{"name 'Acme' is not [a-z][a-z0-9_]*",
                                    "stage 'do-it': name 'do-it' is not [a-z][a-z0-9_]*",
                                    "stage 'do-it': parameter '2nd': name '2nd' is not [a-z][a-z0-9_]*"});
  }
  SUBCASE("reserved names") {
    for (const char* name : {"like", "only", "shards", "doc", "per"}) {
      stage.params[0].name = name;
      CHECK(faults_of(spec) == Faults{"stage 'work': parameter '" + std::string(name) + "': name '" + name +
                                      "' is reserved by the pipeline language"});
    }
    spec = good();
    spec.name = "axes";
    CHECK(faults_of(spec) == Faults{"plugin name 'axes' is reserved by the pipeline language"});
  }
  SUBCASE("docs") {
    spec.doc.clear();
    stage.doc.clear();
    stage.outputs[0].doc.clear();
    stage.params[2].doc.clear();
    CHECK(faults_of(spec) == Faults{"the plugin has no doc", "stage 'work': has no doc",
                                    "stage 'work': output 'metrics': has no doc",
                                    "stage 'work': parameter 'way': has no doc"});
  }
  SUBCASE("ports") {
    stage.inputs.push_back(stage.inputs[0]);
    stage.inputs[1].kind = "Metric";
    stage.inputs[0].labelled = true;
    stage.outputs.clear();
    CHECK(faults_of(spec) == Faults{"stage 'work': has no output",
                                    "stage 'work': input 'metrics': is labelled but does not gather",
                                    "stage 'work': input 'metrics': name is used twice in this stage",
                                    "stage 'work': input 'metrics': kind 'Metric' is not known"});
  }
  SUBCASE("a parameter called like a port") {
    stage.params[0].name = "metrics";
    CHECK(faults_of(spec) == Faults{"stage 'work': parameter 'metrics': name is used twice in this stage",
                                    "stage 'work': parameter 'metrics': is called like an output"});
  }
  SUBCASE("limits") {
    stage.params[0].min = 2;
    stage.params[1].choices = {"a"};
    stage.params[2].min = 0;
    CHECK(faults_of(spec) == Faults{"stage 'work': parameter 'rate': range [2, 1] is empty",
                                    "stage 'work': parameter 'rate': default 0.5 is not in [2, 1]",
                                    "stage 'work': parameter 'count': has choices but is not text",
                                    "stage 'work': parameter 'way': has a range but is not a number"});
  }
  SUBCASE("defaults and neutral values") {
    stage.params[0].fallback = Value(1.5);
    stage.params[1].neutral = Value(1.0);
    stage.params[2].fallback = Value("left");
    CHECK(faults_of(spec) == Faults{"stage 'work': parameter 'rate': default 1.5 is not in [0, 1]",
                                    "stage 'work': parameter 'count': neutral value is real, the parameter is integer",
                                    "stage 'work': parameter 'way': default \"left\" is not one of 'up', 'down'"});
  }
  SUBCASE("a required parameter needs no sensible default") {
    stage.params[0].fallback = Value(1.5);
    stage.params[0].required = true;
    CHECK(faults_of(spec) == Faults{});
  }
  SUBCASE("no body") {
    stage.run = nullptr;
    CHECK(faults_of(spec) == Faults{"stage 'work': has no body"});
  }
}

TEST_CASE("NaN is no default, two parameters share no member, limits hold for elements of lists") {
  PluginBuilder plugin;
  plugin.name("acme").version("1").doc("A plugin.");
  plugin.stage("work", nothing)
      .doc("Works.")
      .output<Metrics>("metrics", "numbers")
      .param("scale", &Params::scale, "how large")
      .param("rate", &Params::rate, "how fast")
      .param("speed", &Params::rate, "how fast, again")
      .param("weights", &Params::weights, "shares")
      .range(0, 0.15);
  CHECK(faults_of(plugin.take()) == Faults{"stage 'work': parameter 'scale': default nan is not a number",
                                           "stage 'work': parameter 'weights': default [0.1, 0.2] is not in [0, 0.15]",
                                           "stage 'work': parameters 'rate' and 'speed' are bound to one member"});
}

TEST_CASE("core.split: contiguous slices of near equal size that make up the whole") {
  CHECK(images_of_slice(7, 0, 3) == std::vector<std::int64_t>{0, 1, 2});
  CHECK(images_of_slice(7, 1, 3) == std::vector<std::int64_t>{3, 4});
  CHECK(images_of_slice(7, 2, 3) == std::vector<std::int64_t>{5, 6});
  CHECK(images_of_slice(1, 0, 2) == std::vector<std::int64_t>{0});
  CHECK(images_of_slice(1, 1, 2).empty());
  for (const std::int64_t rows : {0, 1, 5, 12, 31}) {
    for (const std::int64_t count : {1, 2, 5, 12}) {
      std::vector<std::int64_t> all;
      for (std::int64_t i = 0; i < count; ++i) {
        for (const std::int64_t image : images_of_slice(rows, i, count)) all.push_back(image);
      }
      std::vector<std::int64_t> wanted;
      for (std::int64_t i = 0; i < rows; ++i) wanted.push_back(i);
      CHECK(all == wanted);
    }
  }
  CHECK_THROWS_WITH_AS(images_of_slice(4, 2, 2), "slice 'index' 2 is not below 'count' 2", Error);
}

TEST_CASE("core.join: the parts one after the other") {
  const Registry registry;
  Desk desk;
  for (std::int64_t part = 0; part < 3; ++part) {
    Verdicts verdicts;
    verdicts.solver = "fake.oracle";
    verdicts.budget_s = 10;
    verdicts.rows.resize(1);
    verdicts.rows[0].image = part;
    desk.inputs["parts"].push_back({std::make_shared<const Verdicts>(verdicts), {}});
  }
  registry.body (*registry.find_stage("core.join"))({}, desk);
  const auto& joined = static_cast<const Verdicts&>(*desk.outputs.at("verdicts"));
  REQUIRE(joined.rows.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(joined.rows[i].image == static_cast<std::int64_t>(i));
  CHECK(joined.solver == "fake.oracle");
}
