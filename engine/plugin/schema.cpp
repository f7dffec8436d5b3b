// SPDX-License-Identifier: Apache-2.0
// JSON Schema of the pipeline language, for completion and checks in editors. Draft 4 and no siblings of $ref, because
// that is what Taplo understands. An editor sees one file at a time and no graph: `espalier check` finds the rest.
#include "plugin/schema.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/text.hpp"
#include "plugin/spec_check.hpp"

namespace espalier::plugin {
namespace {

using Json = nlohmann::ordered_json;  // in the order in which authors declared things

Json reference(std::string_view definition) {
  return {{"$ref", fmt::format("#/definitions/{}", definition)}};
}

Json definitions() {
  const Json text = {{"type", "string"}};
  const Json texts = {{"type", "array"}, {"items", text}, {"minItems", 1}};
  const Json text_or_texts = {{"anyOf", Json::array({text, texts})}};
  Json all;
  all["by"] = {{"description",
                "A value for each value of an axis: { by = \"axis\", value1 = ..., value2 = ... }. With "
                "nothing but 'by', the axis' own values."},
               {"type", "object"},
               {"required", {"by"}},
               {"properties", {{"by", text_or_texts}}}};
  all["node"] = {{"description", "A node's name, \"node\", \"node.output\" or \"node@axis=value\"."},
                 {"type", "string"},
                 {"minLength", 1}};
  all["nodes"] = {{"description", "Names of nodes."}, {"type", "array"}, {"items", reference("node")}};
  all["named"] = {{"description", "Nodes with the names they go by here: { name = \"node\" }."},
                  {"type", "object"},
                  {"not", {{"required", {"by"}}}},
                  {"additionalProperties", {{"anyOf", Json::array({reference("node"), reference("nodes")})}}}};
  all["like"] = {{"description",
                  "Name of a section of the same stage whose entries are copied; what is written here "
                  "comes before them."},
                 {"type", "string"}};
  all["doc"] = {{"description", "What this section is for."}, {"type", "string"}};
  all["per"] = {{"description", "Axes this section is repeated over, beside those of its values and inputs."},
                {"anyOf", text_or_texts["anyOf"]}};
  all["only"] = {
      {"description",
       "Axis values this section is made for: { axis = [\"value\"] }; or a list of such tables, one of which "
       "has to fit."},
      {"anyOf",
       Json::array({{{"type", "object"}}, {{"type", "array"}, {"minItems", 1}, {"items", {{"type", "object"}}}}})}};
  all["shards"] = {{"description", "Into how many parts the instances are split; each part is a node of its own."},
                   {"type", "integer"},
                   {"minimum", 1}};
  return all;
}

std::string_view json_type(ValueType type) {
  switch (type) {
    case ValueType::boolean:
      return "boolean";
    case ValueType::integer:
    case ValueType::integers:
      return "integer";
    case ValueType::real:
    case ValueType::reals:
      return "number";
    case ValueType::text:
    case ValueType::texts:
      return "string";
  }
  throw Error(Code::internal, "unknown type of value");
}

/// Infinity and NaN have no JSON form; they stand in the description only.
bool has_json_form(double x) {
  return std::isfinite(x);
}
bool has_json_form(const std::vector<double>& list) {
  return std::all_of(list.begin(), list.end(), [](double x) { return std::isfinite(x); });
}
template <class T>
bool has_json_form(const T&) {
  return true;
}

void set_default(Json& schema, const ParamSpec& p) {
  if (p.required) return;
  std::visit(
      [&](const auto& value) {
        if (has_json_form(value)) schema["default"] = value;
      },
      p.fallback.data());
}

void set_limit(Json& schema, const char* key, std::optional<double> limit) {
  if (!limit || !std::isfinite(*limit)) return;
  const bool whole = std::floor(*limit) == *limit && std::abs(*limit) < 1e15;
  schema[key] = whole ? Json(static_cast<std::int64_t>(*limit)) : Json(*limit);
}

Json element_schema(const ParamSpec& p) {
  Json schema = {{"type", json_type(p.type)}};
  set_limit(schema, "minimum", p.min);
  set_limit(schema, "maximum", p.max);
  if (p.choices.empty()) return schema;
  schema["enum"] = p.choices;
  Json marks = Json::array();
  for (const std::string& choice : p.choices) {
    marks.push_back(!p.required && p.fallback == Value(choice) ? Json("the default") : Json(nullptr));
  }
  schema["x-taplo"] = {{"docs", {{"enumValues", marks}}}};
  return schema;
}

/// Range and default are said in words, too: many editors hide the keys that carry them.
std::string description(const ParamSpec& p) {
  std::string out = p.doc;
  if (const std::string admitted = admitted_text(p); !admitted.empty()) out += "; " + admitted;
  if (p.file) out += "; a file, relative to the pipeline";
  out += p.required ? "; required" : "; default " + p.fallback.text();
  return out;
}

Json param_schema(const ParamSpec& p) {
  Json value = element_schema(p);
  if (p.type >= ValueType::integers) value = {{"type", "array"}, {"items", std::move(value)}};
  Json schema = {{"description", description(p)}, {"anyOf", Json::array({std::move(value), reference("by")})}};
  set_default(schema, p);
  return schema;
}

Json port_schema(const PortSpec& port) {
  Json forms = Json::array({reference("node"), reference("by")});
  if (port.gathers) forms.push_back(reference("nodes"));
  if (port.labelled) forms.push_back(reference("named"));
  const char* role = port.optional ? "optional input" : port.gathers ? "gathering input" : "input";
  return {{"description", fmt::format("{}: {}. {}", role, port.kind, port.doc)}, {"anyOf", std::move(forms)}};
}

Json needed_keys(const StageSpec& stage) {
  Json out = Json::array();
  for (const PortSpec& port : stage.inputs) {
    if (!port.optional) out.push_back(port.name);
  }
  for (const ParamSpec& p : stage.params) {
    if (p.required) out.push_back(p.name);
  }
  return out;
}

Json section_schema(const StageSpec& stage) {
  Json properties = Json::object();
  for (const PortSpec& port : stage.inputs) properties[port.name] = port_schema(port);
  for (const ParamSpec& p : stage.params) properties[p.name] = param_schema(p);
  for (const char* key : {"like", "only", "per", "doc"}) properties[key] = reference(key);
  if (can_be_sharded(stage)) properties["shards"] = reference("shards");
  Json schema = {{"description", stage.doc}, {"type", "object"}, {"additionalProperties", false}};
  // A section with `like` gets from another one what it does not say itself.
  if (Json needed = needed_keys(stage); !needed.empty()) {
    schema["anyOf"] = Json::array({{{"required", std::move(needed)}}, {{"required", {"like"}}}});
  }
  schema["properties"] = std::move(properties);
  return schema;
}

Json head_schema() {
  const auto text = [](const char* doc) { return Json{{"description", doc}, {"type", "string"}}; };
  return {{"description", "What this pipeline is."},
          {"type", "object"},
          {"additionalProperties", false},
          {"properties",
           {{"name", text("Name of the runs' folder; the file's name when it is not given.")},
            {"title", text("A line for people.")},
            {"doc", text("What this pipeline is for.")}}}};
}

Json axes_schema() {
  const Json value = {{"anyOf", Json::array({{{"type", "string"}}, {{"type", "number"}}})}};
  return {{"description", "Names and values over which sections are repeated: net = [\"net1\", \"net2\"]."},
          {"type", "object"},
          {"additionalProperties", {{"type", "array"}, {"minItems", 1}, {"items", value}}}};
}

}  // namespace

std::string pipeline_schema(const Registry& registry) {
  Json properties = {{"pipeline", head_schema()}, {"axes", axes_schema()}};
  for (const StageSpec* stage : registry.stages()) {
    if (!properties.contains(stage->plugin)) {
      properties[stage->plugin] = {{"description", registry.origin(*stage).doc},
                                   {"type", "object"},
                                   {"additionalProperties", false},
                                   {"properties", Json::object()}};
    }
    properties[stage->plugin]["properties"][stage->name] = {
        {"description", stage->doc}, {"type", "object"}, {"additionalProperties", section_schema(*stage)}};
  }
  const Json schema = {{"$schema", "http://json-schema.org/draft-04/schema#"},
                       {"title", "Espalier pipeline"},
                       {"description", "An experiment of espalier: sections [plugin.stage.name]."},
                       {"type", "object"},
                       {"additionalProperties", false},
                       {"properties", std::move(properties)},
                       {"definitions", definitions()}};
  return schema.dump(2) + "\n";
}

}  // namespace espalier::plugin
