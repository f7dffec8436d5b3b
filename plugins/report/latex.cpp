// SPDX-License-Identifier: Apache-2.0
#include "latex.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "digits.hpp"

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

/// Rows of a page; a longer table is broken across pages.
constexpr std::size_t kRowsOfPage = 45;
/// Columns that fit in small type; what is broken across pages cannot be scaled to a page's width.
constexpr std::size_t kColumnsOfPage = 8;

/// The headings between their rules.
std::string head_of(const ResultTable& result) {
  const std::vector<std::string>& columns = result.table.columns;
  return "\\toprule\n" + heading_rows(result.groups) +
         row_of(columns.size(), [&](std::size_t i) { return escaped_latex(columns[i]); }) + "\\midrule\n";
}

std::string body_of(const ResultTable& result) {
  std::string out;
  for (std::size_t row = 0; row < result.table.rows.size(); ++row) {
    out += row_of(result.table.columns.size(), [&](std::size_t i) { return latex_cell(result.text(row, i)); });
  }
  return out;
}

std::string notes_of(const ResultTable& result) {
  std::string out;
  for (const std::string& note : result.notes) out += "\\par\\smallskip{\\footnotesize " + escaped_latex(note) + "}\n";
  return out;
}

std::string caption_of(const Table& table) {
  return fmt::format("\\caption{{{}}}\n\\label{{tab:{}}}", escaped_latex(table.caption), table.name);
}

/// A table that floats, no wider than a line.
std::string short_table(const ResultTable& result, const std::string& form) {
  return "% \\usepackage{booktabs,graphicx}\n\\begin{table}\n\\centering\n" + caption_of(result.table) +
         "\n\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n\\begin{tabular}{" + form +
         "}\n" + head_of(result) + body_of(result) + "\\bottomrule\n\\end{tabular}}\n" + notes_of(result) +
         "\\end{table}\n";
}

/// A table across pages, the headings on each.
std::string long_table(const ResultTable& result, const std::string& form) {
  const std::string head = head_of(result);
  const bool wide = form.size() > kColumnsOfPage;
  return fmt::format(
             "% \\usepackage{{booktabs,longtable}}\n\\begingroup\n\\{}\n\\setlength{{\\tabcolsep}}{{{}pt}}\n"
             "\\begin{{longtable}}{{{}}}\n{} \\\\\n",
             wide ? "tiny" : "small", wide ? 2 : 4, form, caption_of(result.table)) +
         head + "\\endfirsthead\n" + head + "\\endhead\n\\bottomrule\n\\endfoot\n" + body_of(result) +
         "\\end{longtable}\n" + notes_of(result) + "\\endgroup\n";
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

std::string to_latex(const ResultTable& given) {
  const ResultTable result = evened(given);
  std::string form;
  for (std::size_t i = 0; i < result.table.columns.size(); ++i) form += is_numeric(result.table, i) ? 'r' : 'l';
  return result.table.rows.size() > kRowsOfPage ? long_table(result, form) : short_table(result, form);
}

}  // namespace espalier::report
