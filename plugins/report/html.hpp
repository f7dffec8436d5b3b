// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <espalier/report.hpp>

namespace espalier::report {

/// Escaped; a blank line parts paragraphs.
std::string html_paragraphs(std::string_view text);
std::string html_table(const Table& table);
/// A heading and what belongs under it, which is HTML already.
std::string html_section(std::string_view heading, std::string_view body);
/// The whole page around its sections.
std::string html_page(std::string_view title, std::string_view body);

}  // namespace espalier::report
