// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "result_table.hpp"

namespace espalier::report {

/// A table with its caption and notes as Markdown.
std::string markdown_table(const ResultTable& table);
/// Title, text and the tables as Markdown.
std::string markdown_report(std::string_view title, std::string_view text, const std::vector<ResultTable>& tables);
/// {"title": ..., "tables": {name: {"columns": [...], "rows": [[...], ...]}}}; numbers with all their digits, null
/// where there is nothing.
std::string json_report(std::string_view title, const std::vector<ResultTable>& tables);

}  // namespace espalier::report
