// SPDX-License-Identifier: Apache-2.0
#include "plugin/schema.hpp"

#include <functional>
#include <limits>

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <espalier/dataset.hpp>
#include <espalier/network.hpp>
#include <espalier/results.hpp>

using espalier::Context;
using espalier::Instances;
using espalier::Metrics;
using espalier::Network;
using espalier::PluginBuilder;
using espalier::Verdicts;
using espalier::plugin::describe_stage;
using espalier::plugin::pipeline_schema;
using espalier::plugin::Registry;
using espalier::plugin::stage_reference;
using Json = nlohmann::json;

namespace {

struct Params {
  double rate = 0.5;
  std::int64_t epochs = 10;
  std::string way = "up";
  std::vector<double> weights{1.0, 0.25};
  std::string table;
  double limit = std::numeric_limits<double>::infinity();
};

void nothing(const Params&, Context&) {}

Registry two_stages() {
  PluginBuilder plugin;
  plugin.name("acme").version("1").doc("Things of Acme.");
  plugin.stage("prune", nothing)
      .doc("Makes it smaller.")
      .input<Network>("network", "trained network")
      .inputs<Metrics>("metrics", "a|b")
      .labelled()
      .output<Network>("pruned", "the smaller one")
      .param("rate", &Params::rate, "share that goes")
      .range(0, 0.75)
      .param("epochs", &Params::epochs, "how often")
      .at_least(1)
      .required()
      .param("way", &Params::way, "which way")
      .choices({"up", "down"})
      .param("weights", &Params::weights, "one a layer")
      .range(0, 1)
      .param("table", &Params::table, "factors")
      .file()
      .param("limit", &Params::limit, "never more");
  plugin.stage("verify", nothing)
      .doc("Answers.")
      .lane("solver")
      .repeatable(espalier::Repeatable::budgeted)
      .input<Instances>("instances", "questions")
      .input<Network>("network", "another network")
      .optional()
      .output<Verdicts>("verdicts", "answers");
  Registry registry;
  REQUIRE(registry.add(plugin.take(), {}).empty());
  return registry;
}

Json section(const std::string& stage) {
  const Json schema = Json::parse(pipeline_schema(two_stages()));
  return schema.at("properties").at("acme").at("properties").at(stage).at("additionalProperties");
}

}  // namespace

TEST_CASE("the schema is JSON, ends its last line, and knows the top of a pipeline and every stage") {
  const std::string text = pipeline_schema(two_stages());
  CHECK(text.back() == '\n');
  const Json schema = Json::parse(text);
  CHECK(schema.at("$schema") == "http://json-schema.org/draft-04/schema#");
  CHECK(schema.at("additionalProperties") == false);
  std::vector<std::string> tables;
  for (const auto& [name, what] : schema.at("properties").items()) tables.push_back(name);
  CHECK(tables == std::vector<std::string>{"acme", "axes", "pipeline"});
  CHECK(schema.at("properties").at("acme").at("properties").size() == 2);
  CHECK_FALSE(schema.at("properties").contains("core"));
}

TEST_CASE("every reference in the schema points at a definition, and stands alone") {
  const Json schema = Json::parse(pipeline_schema(two_stages()));
  int references = 0;
  const std::function<void(const Json&)> walk = [&](const Json& at) {
    if (at.is_object() && at.contains("$ref")) {
      ++references;
      CHECK(at.size() == 1);  // Taplo does not look at what stands beside a $ref
      CHECK(schema.contains(Json::json_pointer(at.at("$ref").get<std::string>().substr(1))));
    }
    for (const Json& child : at) {
      if (child.is_structured()) walk(child);
    }
  };
  walk(schema);
  CHECK(references > 10);
}

TEST_CASE("a section: ports, parameters with limits, defaults and choices, reserved keys, nothing else") {
  const Json prune = section("prune");
  CHECK(prune.at("additionalProperties") == false);
  const Json& keys = prune.at("properties");
  CHECK(keys.at("network").at("description") == "input: Network. trained network");
  CHECK(keys.at("network").at("anyOf").size() == 2);
  CHECK(keys.at("metrics").at("anyOf").size() == 4);  // a list and a table of names, too
  CHECK(keys.at("rate") == Json::parse(R"({
    "description": "share that goes; in [0, 0.75]; default 0.5",
    "anyOf": [{"type": "number", "minimum": 0, "maximum": 0.75}, {"$ref": "#/definitions/by"}],
    "default": 0.5})"));
  CHECK(keys.at("epochs").at("anyOf").at(0) == Json::parse(R"({"type": "integer", "minimum": 1})"));
  CHECK_FALSE(keys.at("epochs").contains("default"));
  CHECK(keys.at("way").at("anyOf").at(0) == Json::parse(R"({
    "type": "string", "enum": ["up", "down"], "x-taplo": {"docs": {"enumValues": ["the default", null]}}})"));
  CHECK(keys.at("weights").at("anyOf").at(0) ==
        Json::parse(R"({"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}})"));
  CHECK(keys.at("weights").at("default") == Json::parse("[1.0, 0.25]"));
  CHECK(keys.at("table").at("description") == "factors; a file, relative to the pipeline; default \"\"");
  CHECK(keys.at("limit").at("description") == "never more; default inf");
  CHECK_FALSE(keys.at("limit").contains("default"));
  for (const char* key : {"like", "only", "per", "doc"}) CHECK(keys.contains(key));
}

TEST_CASE("what must be given, unless it is copied from another section") {
  CHECK(section("prune").at("anyOf") ==
        Json::parse(R"([{"required": ["network", "metrics", "epochs"]}, {"required": ["like"]}])"));
  CHECK(section("verify").at("anyOf").at(0) == Json::parse(R"({"required": ["instances"]})"));
}

TEST_CASE("shards are offered where they mean something") {
  CHECK(section("verify").at("properties").contains("shards"));
  CHECK_FALSE(section("prune").at("properties").contains("shards"));
}

TEST_CASE("one stage on the terminal") {
  const Registry registry = two_stages();
  CHECK(describe_stage(*registry.find_stage("acme.prune")) == R"(acme.prune: Makes it smaller.
  revision 1, lane cpu, same bytes anywhere

inputs
  network  Network  trained network
  metrics  Metrics  a|b (one or several nodes, axis values are used as labels)

outputs
  pruned  Network  the smaller one

parameters
  rate     real           0.5          share that goes (in [0, 0.75])
  epochs   integer        required     how often (at least 1)
  way      text           "up"         which way (one of 'up', 'down')
  weights  list of reals  [1.0, 0.25]  one a layer (in [0, 1])
  table    text           ""           factors (a file, relative to the pipeline)
  limit    real           inf          never more

example
  [acme.prune.my_prune]
  network = "NODE"  # Network
  metrics = ["NODE", "NODE"]  # Metrics
  # rate = 0.5
  epochs = <integer>
  # way = "up"
  # weights = [1.0, 0.25]
  # table = ""
  # limit = inf
)");
}

TEST_CASE("the page has every stage, every kind, and no broken table") {
  const std::string page = stage_reference(two_stages());
  CHECK(page.find("## acme\n\nThings of Acme.\n") != std::string::npos);
  CHECK(page.find("### acme.prune\n") != std::string::npos);
  CHECK(page.find("### acme.verify\n\nAnswers.\n\nrevision 1, lane solver, depends on a time limit.") !=
        std::string::npos);
  CHECK(page.find("| metrics | Metrics | a\\|b (one or several nodes") != std::string::npos);
  CHECK(page.find("| Verdicts | 1 |") != std::string::npos);
  CHECK(page.find("core.split") == std::string::npos);
}
