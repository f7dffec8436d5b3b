// SPDX-License-Identifier: Apache-2.0
#include "cache/action_file.hpp"

#include <nlohmann/json.hpp>

#include <espalier/error.hpp>

namespace espalier::cache {
namespace {

using Json = nlohmann::json;  // its objects are sorted by name, so the same content has one text

constexpr const char* kFormat = "espalier-action-1";

/// Bytes that are not UTF-8 (a strange host name, say) are replaced: recording a result must not fail for its label.
std::string text_of(const Json& json, int indent) {
  return json.dump(indent, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string check_of(const Json& json) {
  return digest_of(text_of(json, -1)).hex();
}

Digest digest_at(const Json& json, const char* name) {
  const auto digest = Digest::from_hex(json.at(name).get<std::string>());
  if (!digest) throw Error(Code::damaged, std::string("'") + name + "' is not a digest");
  return *digest;
}

Json to_json(const Ingredients& from) {
  Json inputs = Json::object();
  for (const auto& [port, list] : from.inputs) {
    Json& members = inputs[port] = Json::array();
    for (const auto& input : list) members.push_back({{"label", input.label}, {"content", input.content}});
  }
  return {{"stage", from.stage}, {"revision", from.revision}, {"params", from.params}, {"inputs", std::move(inputs)},
          {"files", from.files}, {"machine", from.machine},   {"binary", from.binary}};
}

Ingredients ingredients_in(const Json& json) {
  Ingredients out;
  out.stage = json.at("stage");
  out.revision = json.at("revision");
  out.params = json.at("params");
  for (const auto& [port, members] : json.at("inputs").items()) {
    auto& list = out.inputs[port];
    for (const Json& input : members) list.push_back({.label = input.at("label"), .content = input.at("content")});
  }
  out.files = json.at("files");
  out.machine = json.at("machine");
  out.binary = json.at("binary");
  return out;
}

Json to_json(const Provenance& from) {
  return {{"host", from.host},
          {"cpu", from.cpu},
          {"finished", from.finished},
          {"seconds", from.seconds},
          {"cpu_seconds", from.cpu_seconds},
          {"engine", from.engine},
          {"plugin", from.plugin},
          {"plugin_digest", from.plugin_digest},
          {"versions", from.versions}};
}

Provenance provenance_in(const Json& json) {
  return {.host = json.at("host"),
          .cpu = json.at("cpu"),
          .finished = json.at("finished"),
          .seconds = json.at("seconds"),
          .cpu_seconds = json.at("cpu_seconds"),
          .engine = json.at("engine"),
          .plugin = json.at("plugin"),
          .plugin_digest = json.at("plugin_digest"),
          .versions = json.at("versions")};
}

Json to_json(const Action& action) {
  Json outputs = Json::array();
  for (const OutputRef& output : action.outputs) {
    outputs.push_back({{"port", output.port}, {"kind", output.kind}, {"content", output.content.hex()}});
  }
  return {{"format", kFormat},
          {"key", action.key.hex()},
          {"ingredients", to_json(action.ingredients)},
          {"outputs", std::move(outputs)},
          {"provenance", to_json(action.provenance)},
          {"retry_on_timeout", action.retry_on_timeout},
          {"retry_on_error", action.retry_on_error}};
}

Action action_in(const Json& json) {
  Action out;
  out.key = digest_at(json, "key");
  out.ingredients = ingredients_in(json.at("ingredients"));
  for (const Json& output : json.at("outputs")) {
    out.outputs.push_back(
        {.port = output.at("port"), .kind = output.at("kind"), .content = digest_at(output, "content")});
  }
  out.provenance = provenance_in(json.at("provenance"));
  out.retry_on_timeout = json.at("retry_on_timeout");
  out.retry_on_error = json.value("retry_on_error", false);  // records of before it existed
  return out;
}

}  // namespace

std::string encode_action(const Action& action) {
  Json json = to_json(action);
  const std::string check = check_of(json);
  json["check"] = check;
  return text_of(json, 1) + "\n";
}

std::optional<Action> decode_action(std::string_view bytes) {
  try {
    Json json = Json::parse(bytes);
    const std::string check = json.at("check");
    json.erase("check");
    if (check != check_of(json) || json.at("format") != kFormat) return std::nullopt;
    return action_in(json);
  } catch (const Json::exception&) {
    return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace espalier::cache
