// SPDX-License-Identifier: Apache-2.0
#include "latex.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace espalier::report {
namespace {

/// What a character becomes; empty when it stands for itself.
std::string_view replacement(char c) {
  switch (c) {
    case '\\':
      return "\\textbackslash{}";
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '|':
      return "\\textbar{}";
    case '"':
      return "''";
    case '[':
      return "{[}";  // behind a line's end it would begin an option of it, as a star would
    case '*':
      return "{*}";
    case '`':
      return "\\textasciigrave{}";
    case '\n':
    case '\t':
      return " ";
    default:
      return {};
  }
}

/// A sign is set as in a formula: a hyphen is no minus.
std::string latex_cell(const std::string& text) {
  const bool is_signed = text.size() > 1 && (text.front() == '-' || text.front() == '+');
  if (!is_signed || text.find_first_not_of("0123456789.", 1) != text.npos) return escaped_latex(text);
  return "$" + text + "$";
}

/// The headings over the columns, with a rule under each.
std::string heading_rows(const std::vector<std::string>& groups) {
  if (std::ranges::all_of(groups, &std::string::empty)) return {};
  std::string headings;
  std::string rules;
  for (const Group& group : groups_of(groups)) {
    if (group.first > 0) headings += " & ";
    if (group.heading.empty()) {
      for (std::size_t i = 1; i < group.count; ++i) headings += " & ";
      continue;
    }
    headings += fmt::format("\\multicolumn{{{}}}{{c}}{{{}}}", group.count, escaped_latex(group.heading));
    rules += fmt::format("\\cmidrule(lr){{{}-{}}}", group.first + 1, group.first + group.count);
  }
  return headings + " \\\\\n" + rules + "\n";
}

template <class Text>
std::string row_of(std::size_t cells, Text text) {
  std::string out;
  for (std::size_t i = 0; i < cells; ++i) out.append(i == 0 ? "" : " & ").append(text(i));
  return out + " \\\\\n";
}

}  // namespace

std::string escaped_latex(std::string_view text) {
  constexpr std::string_view kWithBackslash = "{}$&#_%";
  std::string out;
  for (const char c : text) {
    const auto other = replacement(c);
    if (!other.empty()) {
      out += other;
      continue;
    }
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') continue;
    if (kWithBackslash.find(c) != kWithBackslash.npos) out += '\\';
    if (c == '-' && out.ends_with('-')) out += "{}";  // two would become a dash
    out += c;
  }
  return out;
}

std::string to_latex(const ResultTable& result) {
  const Table& table = result.table;
  const std::size_t columns = table.columns.size();
  std::string form;
  for (std::size_t i = 0; i < columns; ++i) form += is_numeric(table, i) ? 'r' : 'l';
  std::string out = fmt::format(
      "% \\usepackage{{booktabs,graphicx}}\n\\begin{{table}}\n\\centering\n\\caption{{{}}}\n\\label{{tab:{}}}\n"
      "\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n\\begin{{tabular}}{{{}}}\n"
      "\\toprule\n",
      escaped_latex(table.caption), table.name, form);
  out += heading_rows(result.groups);
  out += row_of(columns, [&](std::size_t i) { return escaped_latex(table.columns[i]); });
  out += "\\midrule\n";
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    out += row_of(columns, [&](std::size_t i) { return latex_cell(result.text(row, i)); });
  }
  out += "\\bottomrule\n\\end{tabular}}\n";
  for (const std::string& note : result.notes) out += "\\par\\smallskip{\\footnotesize " + escaped_latex(note) + "}\n";
  return out + "\\end{table}\n";
}

}  // namespace espalier::report
