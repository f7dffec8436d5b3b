// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/value.hpp>

#include "core/text.hpp"

namespace espalier::inline v1 {
namespace {

/// A TOML basic string: what TOML requires to be escaped is escaped, the rest stays as it is.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string element(bool v) {
  return v ? "true" : "false";
}
std::string element(std::int64_t v) {
  return std::to_string(v);
}
std::string element(double v) {
  if (std::isnan(v)) throw Error(Code::numeric, "a parameter's value is not a number", "give a finite number");
  return core::real_text(v == 0 ? 0.0 : v);  // -0 and 0 are one value
}
std::string element(const std::string& v) {
  return quoted(v);
}

template <class T>
std::string element(const std::vector<T>& list) {
  std::string out = "[";
  for (const T& v : list) {
    if (out.size() > 1) out += ", ";
    out += element(v);
  }
  return out + "]";
}

}  // namespace

std::string_view to_text(ValueType type) {
  switch (type) {
    case ValueType::boolean:
      return "boolean";
    case ValueType::integer:
      return "integer";
    case ValueType::real:
      return "real";
    case ValueType::text:
      return "text";
    case ValueType::integers:
      return "list of integers";
    case ValueType::reals:
      return "list of reals";
    case ValueType::texts:
      return "list of texts";
  }
  return "unknown";
}

std::string Value::text() const {
  return std::visit([](const auto& v) { return element(v); }, data_);
}

}  // namespace espalier::inline v1
