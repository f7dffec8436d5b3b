// SPDX-License-Identifier: Apache-2.0
#pragma once

/// VNN-LIB 1.0 files as properties and back. What is read: constants X_0 ... and Y_0 ... of sort Real; assertions built
/// with `and` and `or`, nested to any depth, over `<=`, `>=` and `=` between linear terms (`+`, `-`, `*` and `/` by
/// numbers). A comparison bounds one input, or is about outputs alone. Strict comparisons are refused: a property has
/// none, and reading one as the other would be wrong for `sat` or for `unsat`.

#include <filesystem>
#include <string>
#include <string_view>

#include <espalier/property.hpp>

namespace espalier::exchange {

/// The property in a file, plain or gzipped (see read_file). Every input needs both bounds in every case; bounds that
/// exclude each other stay as they are: no input is in that box. Throws Error "file:line:column: what".
Property read_vnnlib(const std::filesystem::path& file);
/// The same from text; `name` stands in messages.
Property parse_vnnlib(std::string_view text, const std::string& name);

/// A property as a file that others read. Throws Error(unsupported) where a bound or limit is infinite.
std::string vnnlib_text(const Property& property);

}  // namespace espalier::exchange
