// SPDX-License-Identifier: Apache-2.0
// Descriptions of plugins to JSON and back. A member added to a spec is added here too.
#include "plugin/spec_text.hpp"

#include <cstring>

#include <nlohmann/json.hpp>

namespace espalier::plugin {
namespace {

using Json = nlohmann::json;

// JSON has no infinity, so a real is kept as its bits.
Json real_json(double x) {
  std::int64_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
double real_from(const Json& j) {
  const auto bits = j.get<std::int64_t>();
  double x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

struct ValueToJson {
  Json operator()(double x) const { return real_json(x); }
  Json operator()(const std::vector<double>& list) const {
    Json out = Json::array();
    for (const double x : list) out.push_back(real_json(x));
    return out;
  }
  template <class T>
  Json operator()(const T& x) const {
    return x;
  }
};
Json value_json(const Value& value) {
  return {{"type", static_cast<int>(value.type())}, {"data", std::visit(ValueToJson{}, value.data())}};
}

Value value_from(const Json& j) {
  const Json& data = j.at("data");
  switch (static_cast<ValueType>(j.at("type").get<int>())) {
    case ValueType::boolean:
      return data.get<bool>();
    case ValueType::integer:
      return data.get<std::int64_t>();
    case ValueType::real:
      return real_from(data);
    case ValueType::text:
      return data.get<std::string>();
    case ValueType::integers:
      return data.get<std::vector<std::int64_t>>();
    case ValueType::reals: {
      std::vector<double> list;
      for (const Json& x : data) list.push_back(real_from(x));
      return list;
    }
    case ValueType::texts:
      return data.get<std::vector<std::string>>();
  }
  throw Error(Code::damaged, "unknown type of value");
}

Json port_json(const PortSpec& p) {
  return {{"name", p.name},       {"kind", p.kind},         {"doc", p.doc},
          {"gathers", p.gathers}, {"labelled", p.labelled}, {"optional", p.optional}};
}
PortSpec port_from(const Json& j) {
  return {.name = j.at("name"),
          .kind = j.at("kind"),
          .doc = j.at("doc"),
          .gathers = j.at("gathers"),
          .labelled = j.at("labelled"),
          .optional = j.at("optional")};
}

Json param_json(const ParamSpec& p) {
  Json j{{"name", p.name},          {"doc", p.doc},           {"fallback", value_json(p.fallback)},
         {"choices", p.choices},    {"required", p.required}, {"file", p.file},
         {"execution", p.execution}};
  if (p.min) j["min"] = real_json(*p.min);
  if (p.max) j["max"] = real_json(*p.max);
  if (p.neutral) j["neutral"] = value_json(*p.neutral);
  if (p.member) j["member"] = *p.member;
  return j;
}
ParamSpec param_from(const Json& j) {
  ParamSpec p;
  p.name = j.at("name");
  p.doc = j.at("doc");
  p.fallback = value_from(j.at("fallback"));
  p.type = p.fallback.type();
  p.choices = j.at("choices").get<std::vector<std::string>>();
  p.required = j.at("required");
  p.file = j.at("file");
  p.execution = j.at("execution");
  if (j.contains("min")) p.min = real_from(j.at("min"));
  if (j.contains("max")) p.max = real_from(j.at("max"));
  if (j.contains("neutral")) p.neutral = value_from(j.at("neutral"));
  if (j.contains("member")) p.member = j.at("member").get<std::int64_t>();
  return p;
}

template <class T>
Json list_json(const std::vector<T>& all, Json (*one_json)(const T&)) {
  Json out = Json::array();
  for (const T& one : all) out.push_back(one_json(one));
  return out;
}

Json stage_json(const StageSpec& s) {
  return {{"plugin", s.plugin},
          {"name", s.name},
          {"doc", s.doc},
          {"revision", s.revision},
          {"inputs", list_json(s.inputs, port_json)},
          {"outputs", list_json(s.outputs, port_json)},
          {"params", list_json(s.params, param_json)},
          {"lane", s.lane},
          {"repeatable", static_cast<int>(s.repeatable)},
          {"uses_device", s.uses_device},
          {"single_threaded", s.single_threaded}};
}
StageSpec stage_from(const Json& j) {
  StageSpec s;
  s.plugin = j.at("plugin");
  s.name = j.at("name");
  s.doc = j.at("doc");
  s.revision = j.at("revision");
  for (const Json& port : j.at("inputs")) s.inputs.push_back(port_from(port));
  for (const Json& port : j.at("outputs")) s.outputs.push_back(port_from(port));
  for (const Json& param : j.at("params")) s.params.push_back(param_from(param));
  s.lane = j.at("lane");
  s.repeatable = static_cast<Repeatable>(j.at("repeatable").get<int>());
  s.uses_device = j.at("uses_device");
  s.single_threaded = j.at("single_threaded");
  return s;
}

Json kind_json(const KindSpec& k) {
  return {{"name", k.name}, {"format", k.format}, {"doc", k.doc}};
}
KindSpec kind_from(const Json& j) {
  KindSpec k;
  k.name = j.at("name");
  k.format = j.at("format");
  k.doc = j.at("doc");
  return k;
}

}  // namespace

std::string description_text(const PluginSpec& plugin) {
  return Json{{"name", plugin.name},
              {"version", plugin.version},
              {"doc", plugin.doc},
              {"stages", list_json(plugin.stages, stage_json)},
              {"kinds", list_json(plugin.kinds, kind_json)}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

PluginSpec description_from(std::string_view text) {
  try {
    const Json j = Json::parse(text);
    PluginSpec plugin;
    plugin.name = j.at("name");
    plugin.version = j.at("version");
    plugin.doc = j.at("doc");
    for (const Json& stage : j.at("stages")) plugin.stages.push_back(stage_from(stage));
    for (const Json& kind : j.at("kinds")) plugin.kinds.push_back(kind_from(kind));
    return plugin;
  } catch (const Json::exception& e) {
    throw Error(Code::damaged, std::string("not a plugin's description: ") + e.what());
  }
}

}  // namespace espalier::plugin
