// SPDX-License-Identifier: Apache-2.0
#include "core/text.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace text = espalier::core;

TEST_CASE("the nearest name is suggested, within three edits and never for a guess") {
  const std::vector<std::string> names{"rate", "rule", "keep_at_least"};
  CHECK(text::closest("rat", names) == "rate");
  CHECK(text::closest("rtae", names) == "rate");
  CHECK(text::closest("keepatleast", names) == "keep_at_least");
  CHECK_FALSE(text::closest("momentum", names));
  CHECK_FALSE(text::closest("x", names));
  const std::vector<std::string> options{"--jobs", "--json"};
  CHECK(text::closest("--jobz", options) == "--jobs");
  CHECK_FALSE(text::closest("--bogus", options));
  CHECK(text::did_you_mean("rul", names) == "; did you mean 'rule'?");
  CHECK(text::did_you_mean("zzzzzz", names).empty());
}

TEST_CASE("a real's text reads back to the same bits") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    CHECK(std::strtod(text::real_text(value).c_str(), nullptr) == value);  // stod refuses denormals
  }
  CHECK(text::real_text(600) == "600.0");
  CHECK(text::real_text(1e22) == "1e+22");
}

TEST_CASE("durations and sizes read well") {
  CHECK(text::duration_text(0.0312) == "31 ms");
  CHECK(text::duration_text(0.31) == "0.31 s");
  CHECK(text::duration_text(12.4) == "12 s");
  CHECK(text::duration_text(242) == "4 min 02 s");
  CHECK(text::duration_text(3 * 3600 + 5 * 60) == "3 h 05 min");
  CHECK(text::bytes_text(812) == "812 B");
  CHECK(text::bytes_text(4.2e6) == "4.2 MB");
}

TEST_CASE("globs") {
  CHECK(text::matches_glob("prune.*", "prune.neurons.np@set=set2"));
  CHECK(text::matches_glob("*@net=net?", "train.sgd.base@net=net1"));
  CHECK(text::matches_glob("*a*b", "xaaab"));
  CHECK_FALSE(text::matches_glob("prune", "prune.neurons"));
  CHECK_FALSE(text::matches_glob("?", ""));
  CHECK(text::matches_glob("***", ""));
}

TEST_CASE("lists of names read as a sentence") {
  CHECK(text::quoted_list(std::vector<std::string>{"a", "b", "c"}) == "'a', 'b' and 'c'");
  CHECK(text::quoted_list(std::vector<std::string>{"a"}) == "'a'");
}
