// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <espalier/error.hpp>

namespace espalier::inline v1 {

std::string_view to_text(Code code) {
  switch (code) {
    case Code::request:
      return "request";
    case Code::missing:
      return "missing";
    case Code::damaged:
      return "damaged";
    case Code::io:
      return "io";
    case Code::numeric:
      return "numeric";
    case Code::unsupported:
      return "unsupported";
    case Code::stopped:
      return "stopped";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

namespace {

/// How many bytes from `at` on are one character of UTF-8 that a terminal shows and does not obey; 0: none.
std::size_t shown_bytes(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(at) < 0x80) return (byte(at) >= 0x20 && byte(at) != 0x7f) || text[at] == '\t' ? 1 : 0;
  const std::size_t length = byte(at) >= 0xf0 ? 4 : byte(at) >= 0xe0 ? 3 : byte(at) >= 0xc2 ? 2 : 0;
  if (length == 0 || byte(at) > 0xf4 || at + length > text.size()) return 0;
  std::uint32_t character = byte(at) & (0x7fU >> length);
  for (std::size_t i = at + 1; i < at + length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    character = character << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0xa0, 0x800, 0x10000};  // below 0xa0 are controls
  const bool is_surrogate = character >= 0xd800 && character < 0xe000;
  return character >= kLeast[length] && character < 0x110000 && !is_surrogate ? length : 0;
}

/// With what `instead` gives in place of every byte that must not be shown.
template <class Instead>
std::string shown(std::string_view text, Instead instead) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = shown_bytes(text, at);
    if (length == 0) {
      out += instead(static_cast<unsigned char>(text[at]));
    } else {
      out += text.substr(at, length);
    }
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) {
  return shown(text, [](unsigned char byte) { return fmt::format("\\x{:02x}", byte); });
}

Error::Error(Code code, const std::string& text, std::string hint)
    : std::runtime_error(text), code_(code), hint_(std::move(hint)) {}
Error::~Error() = default;

Diagnostic& Diagnostics::error(Span span, std::string text) {
  return all_.emplace_back(Diagnostic{Severity::error, std::move(span), std::move(text), {}});
}

Diagnostic& Diagnostics::warning(Span span, std::string text) {
  return all_.emplace_back(Diagnostic{Severity::warning, std::move(span), std::move(text), {}});
}

bool Diagnostics::has_errors() const {
  return std::any_of(all_.begin(), all_.end(), [](const Diagnostic& d) { return d.severity == Severity::error; });
}

namespace {

/// The lines of a text, asked for in ascending order.
class Lines {
 public:
  explicit Lines(std::string_view source) : rest_(source) {}

  std::string_view line(int number) {
    for (; number_ < number; ++number_) {
      const auto end = rest_.find('\n');
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    }
    std::string_view text = rest_.substr(0, rest_.find('\n'));
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }

 private:
  std::string_view rest_;
  int number_ = 1;
};

/// For a line that a caret points into: what must not be shown keeps its width.
std::string shown_line(std::string_view text) {
  return shown(text, [](unsigned char) { return "?"; });
}

/// Up to the caret, tabs stay tabs so that the caret stands under its character in any terminal.
std::string indent_like(std::string_view line, int column) {
  std::string out;
  for (int i = 1; i < column; ++i) {
    const auto at = static_cast<std::size_t>(i - 1);
    out += at < line.size() && line[at] == '\t' ? '\t' : ' ';
  }
  return out;
}

void render_one(const Diagnostic& d, Lines& source, std::string& out) {
  const char* severity = d.severity == Severity::error ? "error" : "warning";
  const std::string hint = d.hint.empty() ? "" : "; " + d.hint;
  if (d.span.line == 0) {
    out += d.span.file.empty() ? fmt::format("{}: {}{}\n", severity, d.text, hint)
                               : fmt::format("{}: {}: {}{}\n", d.span.file, severity, d.text, hint);
    return;
  }
  out += fmt::format("{}:{}:{}: {}: {}{}\n", d.span.file, d.span.line, d.span.column, severity, d.text, hint);
  const std::string_view line = source.line(d.span.line);
  if (line.empty()) return;
  const int room = std::max(1, static_cast<int>(line.size()) - d.span.column + 1);
  const int tildes = std::clamp(d.span.length, 1, room) - 1;
  out += fmt::format("{:5} | {}\n      | {}^{}\n", d.span.line, shown_line(line), indent_like(line, d.span.column),
                     std::string(static_cast<std::size_t>(tildes), '~'));
}

}  // namespace

std::string Diagnostics::render(std::string_view source) const {
  std::vector<const Diagnostic*> order;
  for (const Diagnostic& d : all_) order.push_back(&d);
  std::stable_sort(order.begin(), order.end(), [](const Diagnostic* a, const Diagnostic* b) {
    return std::pair(a->span.line, a->span.column) < std::pair(b->span.line, b->span.column);
  });
  std::string out;
  Lines lines(source);
  for (const Diagnostic* d : order) render_one(*d, lines, out);
  return out;
}

}  // namespace espalier::inline v1
