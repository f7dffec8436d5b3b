// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "result_table.hpp"

namespace espalier::report {

/// Escaped; a blank line parts paragraphs.
std::string html_paragraphs(std::string_view text);
/// With headings over its columns, and its notes.
std::string html_table(const ResultTable& table);
/// A heading and what belongs under it, which is HTML already.
struct Section {
  std::string heading;
  std::string body;
};
/// A list of links to the sections, then the sections.
std::string html_sections(const std::vector<Section>& sections);
/// The whole page around its body.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace espalier::report
