// SPDX-License-Identifier: Apache-2.0
#include "pipeline/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "core/text.hpp"
#include "pipeline/wording.hpp"

namespace espalier::pipeline {
namespace {

std::string wanted(ValueType type) {
  switch (type) {
    case ValueType::boolean:
      return "true or false";
    case ValueType::integer:
      return "an integer";
    case ValueType::real:
      return "a real";
    case ValueType::text:
      return "text";
    case ValueType::integers:
    case ValueType::reals:
    case ValueType::texts:
      break;
  }
  return fmt::format("a {}", to_text(type));
}

bool is_list(ValueType type) {
  return type >= ValueType::integers;
}

/// Text that would be fine without its quotes.
bool reads_as(ValueType type, const std::string& text) {
  if (type == ValueType::boolean) return text == "true" || text == "false";
  double number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_number = failure == std::errc{} && end == text.data() + text.size();
  if (type == ValueType::integer) return is_number && std::floor(number) == number;
  return type == ValueType::real && is_number;
}

/// Checks one node against one spec.
class Check {
 public:
  Check(const ParamSpec& spec, const std::string& owner, Diagnostics& findings)
      : spec_(spec), owner_(owner), findings_(findings) {}

  std::optional<Value> value(const Node& node) {
    switch (spec_.type) {
      case ValueType::boolean:
        return one<bool>(node);
      case ValueType::integer:
        return one<std::int64_t>(node);
      case ValueType::real:
        return one<double>(node);
      case ValueType::text:
        return one<std::string>(node);
      case ValueType::integers:
        return many<std::int64_t>(node);
      case ValueType::reals:
        return many<double>(node);
      case ValueType::texts:
        return many<std::string>(node);
    }
    return std::nullopt;
  }

 private:
  std::string subject() const { return fmt::format("parameter '{}' of {}", spec_.name, owner_); }

  Diagnostic& fault(const Node& node, const std::string& text) {
    return findings_.error(node.span, subject() + " " + text);
  }

  void wrong_type(const Node& node, ValueType element) {
    const bool inside = is_list(spec_.type) && !std::holds_alternative<std::vector<Node>>(node.data) && in_list_;
    Diagnostic& d =
        fault(node, fmt::format("wants {}, got {}{}", wanted(spec_.type), described(node), inside ? " in it" : ""));
    const auto* text = std::get_if<std::string>(&node.data);
    const auto* real = std::get_if<double>(&node.data);
    if (text != nullptr && reads_as(element, *text)) {
      d.hint = "leave out the quotes";
    } else if (real != nullptr && element == ValueType::integer && std::floor(*real) == *real &&
               std::abs(*real) < 1e15) {
      d.hint = fmt::format("write {:.0f}", *real);
    }
  }

  template <class T>
  std::optional<T> scalar(const Node& node) {
    if constexpr (std::is_same_v<T, double>) {
      if (const auto* integer = std::get_if<std::int64_t>(&node.data))
        return within(node, static_cast<double>(*integer));
    }
    const T* value = std::get_if<T>(&node.data);
    if (value == nullptr) {
      wrong_type(node, Value(T{}).type());
      return std::nullopt;
    }
    return within(node, *value);
  }

  template <class T>
  std::optional<Value> one(const Node& node) {
    auto value = scalar<T>(node);
    if (!value) return std::nullopt;
    return Value(*std::move(value));
  }

  template <class T>
  std::optional<Value> many(const Node& node) {
    const auto* list = std::get_if<std::vector<Node>>(&node.data);
    if (list == nullptr) {
      fault(node, fmt::format("wants {}, got {}", wanted(spec_.type), described(node))).hint = "put it in [ ]";
      return std::nullopt;
    }
    std::vector<T> out;
    in_list_ = true;
    for (const Node& element : *list) {
      if (auto value = scalar<T>(element)) out.push_back(*std::move(value));
    }
    if (out.size() != list->size()) return std::nullopt;
    return Value(std::move(out));
  }

  std::optional<bool> within(const Node&, bool value) { return value; }

  /// Written so that NaN is outside of every range.
  std::optional<double> within(const Node& node, double value) {
    if (std::isnan(value)) {
      fault(node, "is not a number").hint = "NaN is no setting";
      return std::nullopt;
    }
    return in_range(node, value) ? std::optional(value) : std::nullopt;
  }
  std::optional<std::int64_t> within(const Node& node, std::int64_t value) {
    return in_range(node, static_cast<double>(value)) ? std::optional(value) : std::nullopt;
  }

  std::optional<std::string> within(const Node& node, const std::string& value) {
    if (spec_.choices.empty() || std::ranges::find(spec_.choices, value) != spec_.choices.end()) return value;
    fault(node, fmt::format("must be one of {}, got '{}'", core::quoted_list(spec_.choices), value)).hint =
        suggestion(value, spec_.choices);
    return std::nullopt;
  }

  bool in_range(const Node& node, double value) {
    const bool high_enough = !spec_.min || value >= *spec_.min;
    const bool low_enough = !spec_.max || value <= *spec_.max;
    if (high_enough && low_enough) return true;
    std::string range;
    if (spec_.min && spec_.max) {
      range = fmt::format("must lie between {} and {}", *spec_.min, *spec_.max);
    } else {
      range =
          spec_.min ? fmt::format("must be at least {}", *spec_.min) : fmt::format("must be at most {}", *spec_.max);
    }
    fault(node, fmt::format("{}, got {}", range, value));
    return false;
  }

  const ParamSpec& spec_;
  const std::string& owner_;
  Diagnostics& findings_;
  bool in_list_ = false;
};

}  // namespace

std::optional<Value> checked_value(const Node& node, const ParamSpec& spec, const std::string& owner,
                                   Diagnostics& findings) {
  return Check(spec, owner, findings).value(node);
}

Value resolved_file(const Value& value, const std::filesystem::path& folder) {
  const auto absolute = [&](const std::string& text) {
    return text.empty() ? text : (folder / text).lexically_normal().string();
  };
  if (value.type() == ValueType::text) return Value(absolute(value.as<std::string>()));
  if (value.type() != ValueType::texts) return value;
  std::vector<std::string> out;
  for (const std::string& text : value.as<std::vector<std::string>>()) out.push_back(absolute(text));
  return Value(std::move(out));
}

}  // namespace espalier::pipeline
