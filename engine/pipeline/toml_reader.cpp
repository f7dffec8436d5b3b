// SPDX-License-Identifier: Apache-2.0
// toml++'s tables are sorted by key and their places are regions: here they become nodes in file order with spans.
#include "pipeline/toml_reader.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include <toml++/toml.h>

#include "pipeline/toml_mistakes.hpp"

namespace espalier::pipeline {
namespace {

/// Where each line of a text begins, for lines that count from 1.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  int count() const { return static_cast<int>(starts_.size()); }
  std::size_t start(int line) const {
    return line > count() ? text_.size() : starts_[static_cast<std::size_t>(line - 1)];
  }
  int line_of(std::size_t at) const {
    return static_cast<int>(std::ranges::upper_bound(starts_, at) - starts_.begin());
  }
  std::string_view line(int number) const { return text_.substr(start(number), start(number + 1) - start(number)); }
  std::string_view trimmed(int number) const {
    const std::string_view text = line(number);
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos ? std::string_view{} : text.substr(begin);
  }
  /// Whether the line looks like `[a.b.c]` and not like a row of a nested list.
  bool is_header(int number) const {
    const std::string_view text = trimmed(number);
    if (!text.starts_with('[')) return false;
    const auto begin = std::min(text.size(), text.find_first_not_of("[ \t"));
    const auto end = std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(begin), text.end(),
                                      [](unsigned char c) { return std::isalpha(c) != 0; });
    const std::string_view word(text.substr(begin, static_cast<std::size_t>(end - text.begin()) - begin));
    return !word.empty() && word != "true" && word != "false" && word != "inf" && word != "nan";
  }

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_;
};

class Converter {
 public:
  Converter(const std::string& file, std::string_view text, Diagnostics& findings)
      : file_(file), lines_(text), findings_(findings) {}

  Node convert(const toml::node& from, bool in_line) {
    Node out;
    out.span = span_of(from.source());
    switch (from.type()) {
      case toml::node_type::table:
        out.data = table(*from.as_table(), in_line);
        break;
      case toml::node_type::array:
        out.data = list(*from.as_array(), in_line);
        break;
      case toml::node_type::string:
        out.data = from.as_string()->get();
        break;
      case toml::node_type::integer:
        out.data = from.as_integer()->get();
        break;
      case toml::node_type::floating_point:
        out.data = from.as_floating_point()->get();
        break;
      case toml::node_type::boolean:
        out.data = from.as_boolean()->get();
        break;
      default:
        findings_.error(out.span, "a date or time is not a value here").hint = "put it in quotes to make it text";
        out.data = std::string();
    }
    return out;
  }

 private:
  Span span_of(const toml::source_region& region) const {
    const auto [begin, end] = std::pair(region.begin, region.end);
    const int length = begin.line == end.line ? static_cast<int>(end.column) - static_cast<int>(begin.column) : 1;
    return {file_, static_cast<int>(begin.line), static_cast<int>(begin.column), std::max(1, length)};
  }

  /// Only whitespace comes before a header, so its column counts bytes as well as characters.
  bool starts_with_bracket(const Span& span) const {
    const std::string_view line = lines_.line(span.line);
    const auto at = static_cast<std::size_t>(span.column - 1);
    return at < line.size() && line[at] == '[';
  }

  Node::Table table(const toml::table& from, bool in_line) {
    Node::Table out;
    in_line = in_line || from.is_inline();
    out.items.reserve(from.size());
    for (auto&& [key, value] : from) {
      Item& item = out.items.emplace_back(Item{std::string(key.str()), span_of(key.source()), convert(value, in_line)});
      if (auto* inner = std::get_if<Node::Table>(&item.value.data)) {
        inner->header = !in_line && !value.as_table()->is_inline() && starts_with_bracket(item.value.span);
      }
    }
    std::sort(out.items.begin(), out.items.end(), [](const Item& a, const Item& b) {
      return std::pair(a.key_span.line, a.key_span.column) < std::pair(b.key_span.line, b.key_span.column);
    });
    return out;
  }

  std::vector<Node> list(const toml::array& from, bool in_line) {
    std::vector<Node> out;
    out.reserve(from.size());
    for (const toml::node& element : from) out.push_back(convert(element, in_line));
    return out;
  }

  const std::string& file_;
  Lines lines_;
  Diagnostics& findings_;
};

/// In characters, as toml++ counts, from 1.
Span span_of(const std::string& file, const Lines& lines, std::string_view text, const TomlMistake& mistake) {
  const int line = lines.line_of(mistake.at);
  const auto characters = [&](std::size_t begin, std::size_t length) {
    const std::string_view part = text.substr(begin, length);
    return static_cast<int>(std::ranges::count_if(part, [](char c) { return (c & 0xC0) != 0x80; }));
  };
  const std::size_t begin = lines.start(line);
  return {file, line, characters(begin, mistake.at - begin) + 1, characters(mistake.at, mistake.length)};
}

/// What is wrong in plain words, when it is one of the commonest mistakes and not after the place where toml++ gave up.
std::optional<TomlMistake> plain_mistake(const Lines& lines, std::string_view text, const toml::parse_error& error) {
  auto mistake = first_mistake(text);
  if (mistake && lines.line_of(mistake->at) > static_cast<int>(error.source().begin.line)) mistake.reset();
  return mistake;
}

/// What toml++ says.
Diagnostic& report(const std::string& file, const toml::parse_error& error, Diagnostics& findings) {
  std::string text(error.description());
  if (text.starts_with("Error while parsing ")) {
    if (const auto colon = text.find(": "); colon != std::string::npos) text.erase(0, colon + 2);
  }
  text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  const auto place = error.source().begin;
  const Span span{file, std::max(1, static_cast<int>(place.line)), std::max(1, static_cast<int>(place.column)), 1};
  return findings.error(span, "not valid TOML: " + text);
}

/// A run of lines, [first, last).
struct Block {
  int first = 0;
  int last = 0;
};

Block section_around(const Lines& lines, int line) {
  Block block{std::clamp(line, 1, lines.count()), std::min(line, lines.count()) + 1};
  while (block.first > 1 && !lines.is_header(block.first)) --block.first;
  while (block.last <= lines.count() && !lines.is_header(block.last)) ++block.last;
  return block;
}

/// Blanks the lines out, so that the places of all others stay as they are.
void blank(const Lines& lines, const Block& block, std::string& text) {
  for (std::size_t i = lines.start(block.first); i < lines.start(block.last); ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
}

/// An error where the cut ended, or before, is most likely the same mistake seen again: an open quote or bracket.
bool is_echo(const Lines& lines, const Block& cut, int line) {
  int next = cut.last;
  while (next < lines.count() && lines.trimmed(next).empty()) ++next;
  return line <= next;
}

}  // namespace

TomlText read_toml(const std::string& file, std::string_view text, Diagnostics& findings) {
  constexpr int kMostErrors = 20;
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const Lines lines(text);
  std::string rest;
  Block cut;
  for (int errors = 0; errors < kMostErrors; ++errors) {
    try {
      const toml::table root = toml::parse(errors == 0 ? text : std::string_view(rest));
      return {Converter(file, text, findings).convert(root, false), errors == 0};
    } catch (const toml::parse_error& error) {
      if (errors == 0) rest = text;
      const auto mistake = plain_mistake(lines, rest, error);
      if (errors > 0 && !mistake && is_echo(lines, cut, static_cast<int>(error.source().begin.line))) break;
      Diagnostic& d =
          mistake ? findings.error(span_of(file, lines, rest, *mistake), mistake->text) : report(file, error, findings);
      if (mistake) d.hint = mistake->hint;
      cut = section_around(lines, d.span.line);
      blank(lines, cut, rest);
    }
  }
  return {Node{Node::Table{}, {}}, false};
}

}  // namespace espalier::pipeline
