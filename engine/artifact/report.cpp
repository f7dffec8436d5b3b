// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include <espalier/network.hpp>
#include <espalier/report.hpp>

#include "artifact/decoding.hpp"

namespace espalier::inline v1 {
namespace {

constexpr int kMostDigits = 17;  // a double has no more

std::string number_text(const Number& number) {
  if (std::isnan(number.value)) return "nan";  // whatever its sign
  const int digits = std::clamp(number.digits, 0, kMostDigits);
  std::string text = fmt::format("{:.{}f}", number.value, digits);
  const bool is_zero = text.find_first_not_of("-0.") == text.npos;
  if (is_zero && text.front() == '-') text.erase(0, 1);  // -0.001 shown with one digit is 0.0
  return text;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

/// Text as it is, in a Markdown table: marks lose their meaning, a line break becomes one in HTML. An underscore within
/// a word has no meaning to begin with, and names are full of them.
std::string markdown_text(std::string_view text) {
  constexpr std::string_view kMarks = "\\|`*<[]~&";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool in_word = i > 0 && i + 1 < text.size() && is_word(text[i - 1]) && is_word(text[i + 1]);
    if (c == '\r') continue;
    if (c == '\n') {
      out += "<br>";
      continue;
    }
    if (kMarks.find(c) != kMarks.npos || (c == '_' && !in_word)) out += '\\';
    out += c;
  }
  return out;
}

/// RFC 4180.
std::string csv_text(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out.append("\"");
}

void require_rectangular(const Table& table) {
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    if (table.rows[i].size() == table.columns.size()) continue;
    throw Error(Code::internal, fmt::format("row {} of table '{}' has {} cells, but there are {} columns", i,
                                            table.name, table.rows[i].size(), table.columns.size()));
  }
}

/// "+0.003" and "15*", as a difference and a count with a mark are written.
bool reads_as_number(const std::string& text) {
  return text.find_first_of("0123456789") != text.npos && text.find_first_not_of("0123456789.e+-*") == text.npos;
}

/// Numbers are set flush right, and what would be numbers if there were any.
bool is_numeric(const Table& table, std::size_t column) {
  return !table.rows.empty() && std::ranges::all_of(table.rows, [&](const std::vector<Cell>& row) {
    const auto* text = std::get_if<std::string>(&row[column]);
    return text == nullptr || reads_as_number(*text);
  });
}

template <class Text>
std::string markdown_row(std::size_t cells, Text text) {
  std::string out = "|";
  for (std::size_t i = 0; i < cells; ++i) out.append(" ").append(text(i)).append(" |");
  return out.append("\n");
}

template <class Text>
std::string csv_row(std::size_t cells, Text text) {
  std::string out;
  for (std::size_t i = 0; i < cells; ++i) out.append(i == 0 ? "" : ",").append(csv_text(text(i)));
  return out.append("\n");
}

/// A name becomes a path in the run's folder, so it must not lead out of it.
void require_file_name(const std::string& name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  };
  if (!name.empty() && name.front() != '.' && std::ranges::all_of(name, allowed)) return;
  throw Error(Code::internal, fmt::format("'{}' cannot be the name of a report's file", name),
              "use lower-case letters, digits, '_', '-' and '.', and do not start with '.'");
}

void validate(const Report& report) {
  std::set<std::string> seen;
  for (const Report::File& file : report.files) {
    require_file_name(file.name);
    if (!seen.insert(file.name).second) {
      throw Error(Code::internal, fmt::format("a report has two files '{}'", file.name));
    }
  }
}

}  // namespace

std::string escaped_html(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string cell_text(const Cell& cell) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string(); }, [](const Number& number) { return number_text(number); },
                 [](const std::string& text) { return text; }},
      cell);
}

std::string to_markdown(const Table& table) {
  require_rectangular(table);
  const std::size_t columns = table.columns.size();
  std::string out;
  if (!table.caption.empty()) out.append(markdown_text(table.caption)).append("\n\n");
  out += markdown_row(columns, [&](std::size_t i) { return markdown_text(table.columns[i]); });
  out += markdown_row(columns, [&](std::size_t i) { return std::string(is_numeric(table, i) ? "---:" : "---"); });
  for (const auto& row : table.rows) {
    out += markdown_row(columns, [&](std::size_t i) {
      const bool is_text = std::holds_alternative<std::string>(row[i]);
      return is_text ? markdown_text(std::get<std::string>(row[i])) : cell_text(row[i]);
    });
  }
  return out;
}

std::string to_csv(const Table& table) {
  require_rectangular(table);
  const std::size_t columns = table.columns.size();
  std::string out = csv_row(columns, [&](std::size_t i) { return table.columns[i]; });
  for (const auto& row : table.rows) out += csv_row(columns, [&](std::size_t i) { return cell_text(row[i]); });
  return out;
}

Fields Report::to_fields() const {
  validate(*this);
  Fields fields;
  fields.set("title", title);
  std::vector<std::string> names;
  for (const File& file : files) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(file.bytes.data());
    fields.set(
        fmt::format("files/{}", names.size()),
        Tensor::of<std::uint8_t>({static_cast<std::int64_t>(file.bytes.size())}, {bytes, bytes + file.bytes.size()}));
    names.push_back(file.name);
  }
  fields.set("file_names", std::move(names));
  return fields;
}

Report Report::from_fields(const Fields& fields) {
  return artifact::decoded<Report>(fields, [&] {
    Report out;
    out.title = fields.text("title");
    for (const std::string& name : fields.texts("file_names")) {
      const auto bytes = artifact::column<std::uint8_t>(fields, fmt::format("files/{}", out.files.size()));
      out.files.push_back({name, std::string(bytes.begin(), bytes.end())});
    }
    return out;
  });
}

}  // namespace espalier::inline v1
