// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "result_table.hpp"

namespace espalier::report {

/// Escaped; a blank line parts paragraphs.
std::string html_paragraphs(std::string_view text);
/// With headings over its columns, and its notes.
std::string html_table(const ResultTable& table);
/// A heading and what belongs under it, which is HTML already.
std::string html_section(std::string_view heading, std::string_view body);
/// The whole page around its sections.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace espalier::report
