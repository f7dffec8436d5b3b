// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <cmath>

#include <nlohmann/json.hpp>

#include "digits.hpp"

namespace espalier::report {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Cell& cell) {
  if (std::holds_alternative<std::monostate>(cell)) return nullptr;
  const auto* number = std::get_if<Number>(&cell);
  if (number == nullptr || !std::isfinite(number->value)) return cell_text(cell);  // JSON has no infinity
  return number->value;
}

/// Markdown lets HTML through; text shall not.
std::string without_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

/// A line that begins or ends with a star would be a list or set in italics.
std::string without_marks(const std::string& text) {
  std::string out;
  for (const char c : without_html(text)) {
    if (c == '*' || c == '_' || c == '`' || c == '[' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

std::string markdown_table(const ResultTable& result) {
  std::string out = to_markdown(evened(result).flat());
  for (const std::string& note : result.notes) out += "\n" + without_marks(one_line(note)) + "\n";
  return out;
}

std::string markdown_report(std::string_view title, std::string_view text, const std::vector<ResultTable>& tables) {
  std::string out = "# " + one_line(without_html(title)) + "\n";
  if (!text.empty()) out += "\n" + without_html(text) + "\n";
  for (ResultTable result : tables) {
    out += "\n## " + one_line(without_html(result.table.caption)) + "\n\n";
    result.table.caption.clear();  // the heading says it
    out += markdown_table(result);
  }
  return out;
}

std::string json_report(std::string_view title, const std::vector<ResultTable>& tables) {
  Json out;
  out["title"] = title;
  out["tables"] = Json::object();
  for (const ResultTable& result : tables) {
    Json rows = Json::array();
    for (const auto& row : result.table.rows) {
      Json cells = Json::array();
      for (const Cell& cell : row) cells.push_back(to_json(cell));
      rows.push_back(std::move(cells));
    }
    out["tables"][result.table.name] = {{"columns", result.flat().columns}, {"rows", std::move(rows)}};
  }
  // Bytes that are no UTF-8 must not stop a report.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace espalier::report
