// SPDX-License-Identifier: Apache-2.0
#include "expressions.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace espalier::exchange {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

/// Printable ASCII that means nothing else.
bool is_in_word(char c) {
  return c > ' ' && c < 0x7f && c != '(' && c != ')' && c != ';' && c != '"' && c != '|';
}

class Reader {
 public:
  explicit Reader(const NamedText& file) : file_(file), text_(file.text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // a byte order mark, as some editors write it
  }

  std::vector<Expression> read() {
    if (text_.size() > std::numeric_limits<std::uint32_t>::max()) {
      file_.fail(Code::unsupported, 0, fmt::format("{} bytes, which is more than 4 GiB", text_.size()));
    }
    for (skip(); at_ < text_.size(); skip()) take();
    if (!open_.empty()) file_.fail(Code::damaged, all_[open_.back()].offset, "this '(' is never closed");
    return std::move(all_);
  }

 private:
  void skip() {
    while (at_ < text_.size()) {
      if (text_[at_] == ';') {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (is_space(text_[at_])) {
        ++at_;
      } else {
        return;
      }
    }
  }

  void take() {
    const char c = text_[at_];
    if (c == ')') return close();
    const std::size_t start = at_;
    if (c == '(') {
      ++at_;
    } else if (c == '"' || c == '|') {
      take_quoted(c);
    } else {
      while (at_ < text_.size() && is_in_word(text_[at_])) ++at_;
      if (at_ == start) {
        file_.fail(Code::damaged, at_, fmt::format("a byte {:#04x} outside of comments", static_cast<unsigned char>(c)),
                   "VNN-LIB is plain ASCII text; is this the right file?");
      }
    }
    add(start, c == '(' ? std::string_view() : text_.substr(start, at_ - start));
    if (c == '(') open_.push_back(static_cast<std::uint32_t>(all_.size() - 1));
  }

  void add(std::size_t start, std::string_view word) {
    if (all_.size() == kMostExpressions) {
      file_.fail(Code::unsupported, start, fmt::format("more than {} words and lists", kMostExpressions),
                 "split the property into several files");
    }
    if (!open_.empty()) ++all_[open_.back()].parts;
    all_.push_back({.word = word,
                    .offset = static_cast<std::uint32_t>(start),
                    .end = static_cast<std::uint32_t>(all_.size() + 1)});
  }

  void close() {
    if (open_.empty()) file_.fail(Code::damaged, at_, "this ')' closes nothing");
    all_[open_.back()].end = static_cast<std::uint32_t>(all_.size());
    open_.pop_back();
    ++at_;
  }

  void take_quoted(char quote) {
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) file_.fail(Code::damaged, at_, fmt::format("this {} is never closed", quote));
    at_ = end + 1;
  }

  const NamedText& file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Expression> all_;
  std::vector<std::uint32_t> open_;
};

}  // namespace

void NamedText::fail(Code code, std::size_t offset, const std::string& what, std::string hint) const {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  throw Error(code, fmt::format("{}:{}:{}: {}", name, line, offset - line_start + 1, printable(what)), std::move(hint));
}

std::vector<Expression> read_expressions(const NamedText& file) {
  return Reader(file).read();
}

}  // namespace espalier::exchange
