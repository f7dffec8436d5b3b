// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::core {

/// The candidate nearest to `word` by edit distance (Damerau: a swap of neighbours counts 1), if at most `max_distance`
/// and a third of the word's length (1 for words of two and more).
ESPALIER_API std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates,
                                                int max_distance = 3);
/// "; did you mean 'rate'?", or nothing when no candidate is near.
ESPALIER_API std::string did_you_mean(std::string_view word, std::span<const std::string> candidates);

/// The shortest text that reads back to the same double; always with '.', 'e', "inf" or "nan" so that it stays a real.
ESPALIER_API std::string real_text(double value);
ESPALIER_API std::string duration_text(double seconds);  ///< "0.31 s", "4 min 02 s", "3 h 05 min"
ESPALIER_API std::string bytes_text(double bytes);       ///< "812 B", "4.2 MB"
ESPALIER_API std::string join(std::span<const std::string> parts, std::string_view separator);
ESPALIER_API std::string quoted_list(std::span<const std::string> names);  ///< "'a', 'b' and 'c'"
/// `*` any run of characters, `?` one.
ESPALIER_API bool matches_glob(std::string_view pattern, std::string_view text);

}  // namespace espalier::core
