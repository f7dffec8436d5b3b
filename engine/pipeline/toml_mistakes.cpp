// SPDX-License-Identifier: Apache-2.0
// A parser says where it could not go on; what a person did wrong is most often further up, and has a simpler name.
#include "pipeline/toml_mistakes.hpp"

#include <algorithm>
#include <cctype>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

namespace espalier::pipeline {
namespace {

constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kBlank = " \t\r";

bool is_letter(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0;
}

bool is_of_bare_key(char c) {
  return is_letter(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
}

bool is_constant(std::string_view word) {
  return word == "true" || word == "false" || word == "inf" || word == "nan";
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == kNone) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

/// The bare key that a text begins with.
std::string_view key_at_start(std::string_view text) {
  const auto end = std::ranges::find_if_not(text, is_of_bare_key);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

/// Whether a line cannot be part of a list: `key = ...` or `[a.b.c]`.
bool begins_something_new(std::string_view line) {
  line = trimmed(line);
  const bool is_heading = line.starts_with('[');
  if (is_heading) line.remove_prefix(1);
  const std::string_view key = key_at_start(line);
  if (key.empty()) return false;
  const std::string_view rest = trimmed(line.substr(key.size()));
  if (!is_heading) return rest.starts_with('=');
  if (!is_letter(key[0]) || is_constant(key) || !rest.starts_with(']')) return false;
  const std::string_view after = trimmed(rest.substr(1));
  return after.empty() || after[0] == '#';
}

/// Goes through a text once; stops at the first mistake, or where nothing is known of what stands there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<TomlMistake> first() {
    while (!mistake_ && !is_lost_ && !is_end()) {
      skip(kBlank);
      if (here() == '[') {
        heading();
      } else if (here() != '#' && here() != '\n') {
        entry();
      }
      skip_line();
    }
    return std::move(mistake_);
  }

 private:
  using Names = std::unordered_map<std::string, int>;  ///< what was given a value, and in which line

  bool is_end() const { return at_ >= text_.size(); }
  /// The text ends with an end of line.
  char here() const { return is_end() ? '\n' : text_[at_]; }
  std::string_view line_here() const { return text_.substr(at_, text_.find('\n', at_) - at_); }
  void skip(std::string_view characters) { at_ = std::min(text_.size(), text_.find_first_not_of(characters, at_)); }
  void skip_rest() { at_ = std::min(text_.size(), text_.find('\n', at_)); }
  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    if (!is_end()) ++at_;
    ++line_;
  }

  void found(std::size_t at, std::size_t length, std::string text, std::string hint) {
    if (!mistake_) mistake_ = {at, std::max<std::size_t>(length, 1), std::move(text), std::move(hint)};
  }

  void heading() {
    const std::size_t begin = at_;
    const bool is_list = text_.substr(at_).starts_with("[[");
    at_ += is_list ? 2 : 1;
    const std::string_view closing = is_list ? "]]" : "]";
    const std::size_t name_begin = at_;
    while (!mistake_ && !text_.substr(at_).starts_with(closing)) {
      if (here() == '\n' || here() == '#') {
        return found(begin, 1, "the heading is not closed", fmt::format("add '{}'", closing));
      }
      step_in_name();
    }
    const std::string_view name = trimmed(text_.substr(name_begin, at_ - name_begin));
    entries_.clear();
    if (is_list) {
      headings_.clear();  // each element has tables of its own
    } else {
      once(headings_, name, fmt::format("[{}] is there twice", name));
    }
  }

  void entry() {
    const std::size_t begin = at_;
    while (!mistake_ && here() != '=') {
      if (here() == '\n' || here() == '#') {
        is_lost_ = true;
        return;
      }
      step_in_name();
    }
    const std::string_view name = trimmed(text_.substr(begin, at_ - begin));
    ++at_;
    skip(kBlank);
    if (here() == '\n' || here() == '#') {
      return found(begin, name.size(), fmt::format("'{}' has no value", name), fmt::format("write {} = VALUE", name));
    }
    once(entries_, name, fmt::format("'{}' is set twice", name));
    value();
  }

  void step_in_name() {
    if (here() == '"' || here() == '\'') {
      quoted();
    } else {
      ++at_;
    }
  }

  void once(Names& names, std::string_view name, std::string text) {
    std::string key(name);
    std::erase_if(key, [](char c) { return kBlank.find(c) != kNone; });
    const auto [known, is_new] = names.emplace(std::move(key), line_);
    if (is_new || name.empty()) return;
    found(static_cast<std::size_t>(name.data() - text_.data()), name.size(), std::move(text),
          fmt::format("the first is in line {}", known->second));
  }

  /// To the end of the last line of the value.
  void value() {
    std::vector<std::size_t> open;  // where brackets stand that are not closed yet
    while (!mistake_ && !is_lost_) {
      const char c = here();
      if (c == '\n') {
        if (open.empty()) return;
        next_line_of_list(open.back());
      } else if (c == '#') {
        skip_rest();
      } else if (c == '"' || c == '\'') {
        quoted();
      } else if (c == '[' || c == '{') {
        open.push_back(at_++);
      } else if (c == ']' || c == '}') {
        is_lost_ = open.empty() || (text_[open.back()] == '[') != (c == ']');
        if (!is_lost_) open.pop_back();
        ++at_;
      } else if (c == '=' && open.empty()) {
        found(at_, 1, "a second '='", "leave one out");
      } else if (is_of_bare_key(c) && (open.empty() || text_[open.back()] == '[')) {
        word();
      } else {
        ++at_;
      }
    }
  }

  void next_line_of_list(std::size_t opened) {
    if (text_[opened] == '{') return found(opened, 1, "the table is not closed", "add '}' in the same line");
    if (!is_end()) ++at_;
    ++line_;
    if (is_end() || begins_something_new(line_here())) found(opened, 1, "the list is not closed", "add ']'");
  }

  void word() {
    const std::size_t begin = at_;
    const std::string_view word = key_at_start(line_here());
    at_ += word.size();
    if (!is_letter(word[0]) || is_constant(word)) return;
    std::string small(word);
    std::ranges::transform(small, small.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    found(begin, word.size(), fmt::format("'{}' is no value", word),
          is_constant(small) ? "write " + small : fmt::format("text stands in quotes: \"{}\"", word));
  }

  void quoted() {
    const std::size_t begin = at_;
    const char quote = here();
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_).starts_with(three);
    at_ += is_long ? 3 : 1;
    while (!text_.substr(at_).starts_with(is_long ? std::string_view(three) : std::string_view(three).substr(2))) {
      if (is_end() || (here() == '\n' && !is_long)) {
        return found(begin, 1, "the quote is not closed",
                     fmt::format("add {} at the end of the text", is_long ? three : three.substr(2)));
      }
      const bool escapes = quote == '"' && here() == '\\' && at_ + 1 < text_.size() && text_[at_ + 1] != '\n';
      if (escapes) ++at_;
      if (here() == '\n') ++line_;
      ++at_;
    }
    at_ += is_long ? 3 : 1;
    for (int more = 0; is_long && more < 2 && here() == quote; ++more) ++at_;  // text may end with quotes
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  Names headings_;
  Names entries_;
  bool is_lost_ = false;
  std::optional<TomlMistake> mistake_;
};

}  // namespace

std::optional<TomlMistake> first_mistake(std::string_view text) {
  return Scanner(text).first();
}

}  // namespace espalier::pipeline
