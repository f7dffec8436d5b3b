// SPDX-License-Identifier: Apache-2.0
#include "pipeline/wording.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::pipeline {
namespace {

constexpr std::ptrdiff_t kFew = 12;

}  // namespace

bool is_name(std::string_view text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto rest = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && lower(text[0]) && std::ranges::all_of(text, rest);
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const auto near = core::closest(word, candidates);
  return near ? fmt::format("did you mean '{}'?", *near) : "";
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates, std::string_view there_are) {
  std::string near = suggestion(word, candidates);
  if (!near.empty() || candidates.empty()) return near;
  if (candidates.size() <= kFew) return fmt::format("{} {}", there_are, core::quoted_list(candidates));
  const std::vector<std::string> first(candidates.begin(), candidates.begin() + kFew);
  return fmt::format("{} {} and {} more", there_are, core::quoted_list(first), candidates.size() - kFew);
}

std::string axis_suggestion(std::string_view word, const std::vector<std::string>& axes) {
  if (axes.empty()) return fmt::format("declare it: {} = [\"a\", \"b\"] under [axes]", word);
  return suggestion(word, axes, "[axes] has");
}

std::string node_suggestion(std::string_view word, const std::vector<std::string>& nodes) {
  if (nodes.empty()) return "add one: [plugin.stage.name]";
  return suggestion(word, nodes, "the nodes are");
}

std::string described(const Node& node) {
  struct Describe {
    std::string operator()(bool v) const { return v ? "boolean true" : "boolean false"; }
    std::string operator()(std::int64_t v) const { return fmt::format("integer {}", v); }
    std::string operator()(double v) const { return "real " + core::real_text(v); }
    std::string operator()(const std::string& v) const { return fmt::format("text '{}'", v); }
    std::string operator()(const std::vector<Node>&) const { return "a list"; }
    std::string operator()(const Node::Table&) const { return "a table"; }
  };
  return std::visit(Describe{}, node.data);
}

}  // namespace espalier::pipeline
