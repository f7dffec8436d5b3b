// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::inline v1 {

/// The class of a failure; decides exit codes and what a caller may do about it.
enum class Code : std::uint8_t {
  request,      ///< the request is wrong: unknown name, value out of range
  missing,      ///< a file, data set or artifact is not there
  damaged,      ///< bytes are there but are not what they should be
  io,           ///< the system refused a read or write
  numeric,      ///< NaN, overflow, training diverged
  unsupported,  ///< well formed, but this stage cannot do it
  stopped,      ///< the run was interrupted; not a failure of the node
  internal,     ///< a promise of the program itself was broken
};
ESPALIER_API std::string_view to_text(Code code);

/// Something broke while doing the work. The text names the thing, both values and the place, in lower case without a
/// full stop; the hint is the next step.
class ESPALIER_API Error : public std::runtime_error {
 public:
  Error(Code code, const std::string& text, std::string hint = {});
  ~Error() override;
  Code code() const { return code_; }
  const std::string& hint() const { return hint_; }

 private:
  Code code_;
  std::string hint_;
};

/// A text out of a file, which may hold anything, for messages: bytes that a terminal would obey, and such as are no
/// UTF-8, are written as "\x1b".
ESPALIER_API std::string printable(std::string_view text);

/// A place in a text file. Lines and columns count from 1; line 0 means "no place".
struct Span {
  std::string file;
  int line = 0;
  int column = 0;
  int length = 1;  ///< how many characters the caret underlines
};

enum class Severity : std::uint8_t { error, warning };

/// One finding about what the user wrote.
struct Diagnostic {
  Severity severity = Severity::error;
  Span span;
  std::string text;
  std::string hint;  ///< "did you mean 'rate'?"; empty when there is nothing to suggest
};

/// The ordered findings of one check. Appending never throws; checking goes on after a finding.
class ESPALIER_API Diagnostics {
 public:
  Diagnostic& error(Span span, std::string text);
  Diagnostic& warning(Span span, std::string text);
  bool has_errors() const;
  const std::vector<Diagnostic>& all() const { return all_; }
  /// Every finding, in order of place, each with its source line and caret when `source` is the file's text.
  std::string render(std::string_view source) const;

 private:
  std::vector<Diagnostic> all_;
};

}  // namespace espalier::inline v1
