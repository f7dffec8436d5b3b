// SPDX-License-Identifier: Apache-2.0
#include "verify_answer.hpp"

#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace espalier::cli {
namespace {

nlohmann::ordered_json number(std::optional<double> value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return *value;
}

}  // namespace

std::string_view result_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::robust:
      return "unsat";
    case Verdict::counterexample:
      return "sat";
    case Verdict::unknown:
      return "unknown";
    case Verdict::timeout:
      return "timeout";
    case Verdict::error:
      break;
  }
  return "error";
}

std::string witness_text(const VerifyAnswer& answer) {
  std::string text = "(";
  const auto add = [&](char letter, const auto& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const char* separator = text.size() == 1 ? "" : "\n ";
      fmt::format_to(std::back_inserter(text), "{}({}_{} {})", separator, letter, i, values[i]);
    }
  };
  add('X', answer.inputs);
  add('Y', answer.outputs);
  return text + ")\n";
}

std::string json_text(const VerifyAnswer& answer) {
  const double search_s = answer.seconds - answer.setup_seconds;
  nlohmann::ordered_json json;
  json["result"] = answer.result;
  json["verifier"] = answer.verifier;
  json["seconds"] = answer.seconds;
  json["setup_seconds"] = answer.setup_seconds;
  json["device"] = answer.device;
  json["threads"] = answer.threads;
  json["subproblems"] = static_cast<std::int64_t>(answer.subproblems);
  json["subproblems_per_second"] = search_s > 0 ? number(answer.subproblems / search_s) : nullptr;
  json["lower_bound"] = number(answer.lower_bound);
  json["rigorous"] = answer.rigorous;
  json["witness_replayed"] = answer.witness_replayed;
  json["message"] = answer.message;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace espalier::cli
