// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace espalier::report {

/// A file of comma-separated values, RFC 4180. The first line names the columns.
struct CsvFile {
  std::string name;  ///< the file's name, for messages
  std::vector<std::string> columns;
  struct Row {
    std::size_t line = 0;
    std::vector<std::string> cells;  ///< as many as columns
  };
  std::vector<Row> rows;
};

/// Throws Error(missing) without such a file, Error(damaged), naming the line, on one that is no table.
CsvFile read_csv(const std::filesystem::path& path);
CsvFile parse_csv(std::string name, std::string_view text);

}  // namespace espalier::report
