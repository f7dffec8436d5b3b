// SPDX-License-Identifier: Apache-2.0
#include "csv.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::report {
namespace {

/// Record after record of a text.
class Reader {
 public:
  Reader(const std::string& name, std::string_view text) : name_(name), text_(text) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  bool at_end() const { return at_ == text_.size(); }

  CsvFile::Row record() {
    CsvFile::Row out{.line = line_, .cells = {cell()}};
    while (skip(',')) out.cells.push_back(cell());
    skip('\r');
    if (!skip('\n') && !at_end()) fail("text after a closing quote");
    ++line_;
    return out;
  }

 private:
  std::string cell() {
    if (skip('"')) return quoted();
    const auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    std::string out(text_.substr(at_, end - at_));
    at_ = end;
    return out;
  }

  std::string quoted() {
    std::string out;
    for (;; ++at_) {
      if (at_end()) fail("a quote that is not closed");
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] == '"') {
        ++at_;
        if (at_end() || text_[at_] != '"') return out;  // a doubled quote stands for one
      }
      out += text_[at_];
    }
  }

  bool skip(char c) {
    if (at_end() || text_[at_] != c) return false;
    return ++at_, true;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(Code::damaged, fmt::format("line {} of '{}' has {}", line_, name_, what));
  }

  const std::string& name_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

bool is_blank(const CsvFile::Row& row) {
  return row.cells.size() == 1 && row.cells.front().empty();
}

}  // namespace

CsvFile parse_csv(std::string name, std::string_view text) {
  CsvFile out;
  out.name = std::move(name);
  Reader reader(out.name, text);
  if (!reader.at_end()) out.columns = reader.record().cells;
  for (const auto& column : out.columns) {
    if (std::ranges::count(out.columns, column) < 2) continue;
    throw Error(Code::damaged, fmt::format("'{}' has two columns '{}'", out.name, column));
  }
  while (!reader.at_end()) {
    CsvFile::Row row = reader.record();
    if (is_blank(row)) continue;
    if (row.cells.size() != out.columns.size()) {
      throw Error(Code::damaged, fmt::format("line {} of '{}' has {} cells, but there are {} columns", row.line,
                                             out.name, row.cells.size(), out.columns.size()));
    }
    out.rows.push_back(std::move(row));
  }
  if (out.rows.empty()) throw Error(Code::damaged, fmt::format("'{}' has no rows", out.name));
  return out;
}

CsvFile read_csv(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Error(Code::missing, fmt::format("there is no file '{}'", path.string()));
  return parse_csv(path.filename().string(), std::string(std::istreambuf_iterator<char>(in), {}));
}

}  // namespace espalier::report
