// SPDX-License-Identifier: Apache-2.0
#include "html.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "digits.hpp"

namespace espalier::report {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5c6679; --line: #d9dee7; --paper: #fff; --band: #f4f6f9;
  --accent: #1f6f54; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ef; --soft: #98a2b5; --line: #323a49; --paper: #14181f; --band: #1c222c; --accent: #6cc7a3; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .75rem; border-bottom: 3px solid var(--accent);
  padding-bottom: .6rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; }
p { max-width: 46rem; }
.wide { overflow: auto; max-height: 80vh; border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .75rem; text-align: left; white-space: nowrap; }
thead { position: sticky; top: 0; }
th { background: var(--band); color: var(--soft); font-weight: 600; white-space: normal;
  vertical-align: bottom; line-height: 1.25; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tbody tr:hover td { background: var(--band); }
.machines { margin-bottom: 1rem; }
.dense { font-size: .82rem; }
.dense th, .dense td { padding: .25rem .45rem; }
.number { text-align: right; }
.group { text-align: center; }
.begin { border-left: 1px solid var(--line); }
.note { font-size: .88rem; color: var(--soft); margin: .5rem 0; max-width: none; }
.samples { display: grid; gap: 1rem; }
.sample { display: flex; flex-wrap: wrap; gap: .75rem 1rem; border: 1px solid var(--line); border-radius: 6px;
  padding: .75rem; break-inside: avoid; }
nav ol { columns: 18rem; padding-left: 1.4rem; font-size: .92rem; }
a { color: var(--accent); }
.plot { overflow-x: auto; margin: 0 0 2rem; }
.plot h3 { font-size: 1rem; margin: 0 0 .4rem; }
.facets { display: flex; flex-wrap: wrap; align-items: end; gap: .5rem 1.5rem; }
.facet h4 { font-size: .9rem; margin: .4rem 0 .2rem; color: var(--soft); }
figure { margin: 0; width: 8.5rem; }
figure.pair { width: 17.5rem; }
figure img { width: 8.25rem; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; background: #000; }
figcaption { font-size: .8rem; line-height: 1.35; color: var(--soft); overflow-wrap: anywhere; }
svg { max-width: 100%; height: auto; }
@media print { body { max-width: none; padding: 0; } .wide { overflow: visible; max-height: none; border: 0; }
  thead { position: static; } }
)";

constexpr std::size_t kWidest = 10;  // columns that fit on a page in letters of normal size

std::string_view look_of(const ResultTable& result, std::size_t column) {
  const bool first = column == 0 || result.groups[column] != result.groups[column - 1];
  const bool begins = first && (!result.groups[column].empty() || (column > 0 && !result.groups[column - 1].empty()));
  if (is_numeric(result.table, column)) return begins ? " class=\"number begin\"" : " class=\"number\"";
  return begins ? " class=\"begin\"" : "";
}

std::string heading_row(const std::vector<std::string>& groups) {
  if (std::ranges::all_of(groups, &std::string::empty)) return {};
  std::string out = "<tr>";
  for (const Group& group : groups_of(groups)) {
    const std::string_view look = group.heading.empty() ? "" : " class=\"group begin\"";
    out += fmt::format("<th{} colspan=\"{}\">{}</th>", look, group.count, escaped_html(group.heading));
  }
  return out + "</tr>\n";
}

}  // namespace

std::string html_paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = text.find("\n\n");
    const auto paragraph = text.substr(0, end);
    if (paragraph.find_first_not_of(" \n") != paragraph.npos) out += "<p>" + escaped_html(paragraph) + "</p>\n";
    text.remove_prefix(end == text.npos ? text.size() : end + 2);
  }
  return out;
}

std::string html_table(const ResultTable& given) {
  const ResultTable result = evened(given);
  const Table& table = result.table;
  const std::string_view look = table.columns.size() > kWidest ? " class=\"dense\"" : "";
  std::string out = fmt::format("<div class=\"wide\"><table{}>\n<thead>{}<tr>", look, heading_row(result.groups));
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    out += fmt::format("<th{}>{}</th>", look_of(result, i), escaped_html(table.columns[i]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    out += "<tr>";
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string text = result.text(row, i);
      out += fmt::format("<td{}>{}</td>", look_of(result, i), text.empty() ? "-" : escaped_html(text));
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  for (const std::string& note : result.notes) out += "<p class=\"note\">" + escaped_html(note) + "</p>\n";
  return out;
}

std::string html_sections(const std::vector<Section>& sections) {
  std::string contents = "<nav><ol>\n";
  std::string bodies;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const std::string heading = escaped_html(sections[i].heading);
    contents += fmt::format("<li><a href=\"#part-{}\">{}</a></li>\n", i + 1, heading);
    bodies += fmt::format("<section id=\"part-{}\">\n<h2>{}</h2>\n{}</section>\n", i + 1, heading, sections[i].body);
  }
  return contents + "</ol></nav>\n" + bodies;
}

std::string html_page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // The browser holds the page to what it promises: nothing is fetched. Vega compiles its expressions.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'\">\n"
      "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}</body>\n</html>\n",
      escaped_html(title), kStyle, body);
}

}  // namespace espalier::report
