// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/value.hpp>

using espalier::Value;
using espalier::ValueType;

TEST_CASE("every value has one canonical text") {
  CHECK(Value(true).text() == "true");
  CHECK(Value(std::int64_t{-7}).text() == "-7");
  CHECK(Value(0.1).text() == "0.1");
  CHECK(Value(1.0).text() == "1.0");
  CHECK(Value(1e-30).text() == "1e-30");
  CHECK(Value("a \"b\"\n").text() == R"("a \"b\"\n")");
  CHECK(Value(std::vector<std::int64_t>{64, 32}).text() == "[64, 32]");
  CHECK(Value(std::vector<double>{0.5, 2}).text() == "[0.5, 2.0]");
  CHECK(Value(std::vector<std::string>{}).text() == "[]");
}

TEST_CASE("an integer and a real of one size are different values with different texts") {
  CHECK(Value(1) != Value(1.0));
  CHECK(Value(1).text() != Value(1.0).text());
}

TEST_CASE("minus zero is zero; what is not a number has no text") {
  CHECK(Value(-0.0).text() == "0.0");
  CHECK_THROWS_AS(Value(std::numeric_limits<double>::quiet_NaN()).text(), espalier::Error);
}

TEST_CASE("the type follows from what is held") {
  CHECK(Value("x").type() == ValueType::text);
  CHECK(Value(3).type() == ValueType::integer);
  CHECK(Value(std::vector<double>{}).type() == ValueType::reals);
}
