// SPDX-License-Identifier: Apache-2.0
#include "pipeline/wording.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/text.hpp"

namespace espalier::pipeline {

bool is_name(std::string_view text) {
  const auto lower = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto rest = [&](char c) { return lower(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && lower(text[0]) && std::ranges::all_of(text, rest);
}

std::string suggestion(std::string_view word, const std::vector<std::string>& candidates) {
  const auto near = core::closest(word, candidates);
  return near ? fmt::format("did you mean '{}'?", *near) : "";
}

std::string node_suggestion(std::string_view word, const std::vector<std::string>& nodes) {
  constexpr std::size_t kFew = 12;
  if (nodes.empty()) return "add one: [plugin.stage.name]";
  std::string near = suggestion(word, nodes);
  if (!near.empty()) return near;
  if (nodes.size() <= kFew) return "the nodes are " + core::quoted_list(nodes);
  return fmt::format("the last part of [plugin.stage.name] is a node's name; there are {}", nodes.size());
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
