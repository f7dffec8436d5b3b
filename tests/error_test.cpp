// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <espalier/error.hpp>

using espalier::Diagnostics;
using espalier::Span;

TEST_CASE("a finding is shown with its line, a caret under the place, and the suggestion") {
  Diagnostics findings;
  findings.error(Span{"p.toml", 2, 1, 3}, "prune.neurons has no parameter 'rat'").hint = "did you mean 'rate'?";
  CHECK(findings.render("[prune.neurons.np]\nrat = 0.75\n") ==
        "p.toml:2:1: error: prune.neurons has no parameter 'rat'; did you mean 'rate'?\n"
        "    2 | rat = 0.75\n"
        "      | ^~~\n");
}

TEST_CASE("findings come in order of place, whatever order they were made in") {
  Diagnostics findings;
  findings.error(Span{"p", 3, 1, 1}, "third");
  findings.warning(Span{"p", 1, 2, 1}, "first");
  const std::string text = findings.render("abc\n\nxyz");
  CHECK(text.find("first") < text.find("third"));
  CHECK(text.find("p:1:2: warning: first") == 0);
}

TEST_CASE("the caret stands under its character behind tabs and never runs past the line") {
  Diagnostics findings;
  findings.error(Span{"p", 1, 2, 99}, "x");
  CHECK(findings.render("\tab") == "p:1:2: error: x\n    1 | \tab\n      | \t^~\n");
}

TEST_CASE("what a file holds does nothing to the terminal") {
  Diagnostics findings;
  findings.error(Span{"p", 1, 3, 1}, "x");
  const std::string shown = findings.render("\x1b[2J\x07 \xff\xc3 \xc3\xa4 \xc2\x9b \xe2\x82\xac \xe2\x82");
  CHECK(shown == "p:1:3: error: x\n    1 | ?[2J? ?? \xc3\xa4 ?? \xe2\x82\xac ??\n      |   ^\n");
}

TEST_CASE("a name out of a file is written so that one sees what it is") {
  CHECK(espalier::printable("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\xb3 a\\b") ==
        "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\xb3 a\\b");
  CHECK(espalier::printable("\x1b[31m\a\n\x7f") == "\\x1b[31m\\x07\\x0a\\x7f");
  CHECK(espalier::printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(espalier::printable("\xc2\x9b") == "\\xc2\\x9b");                    // a control of two bytes
  CHECK(espalier::printable("\xe0\x9f\xbf") == "\\xe0\\x9f\\xbf");           // longer than it need be
  CHECK(espalier::printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // half of a pair
  CHECK(espalier::printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // beyond Unicode
}

TEST_CASE("a finding without a place has no source line") {
  Diagnostics findings;
  findings.error(Span{"--set", 0, 0, 0}, "no node 'x'");
  CHECK(findings.render("a\n") == "--set: error: no node 'x'\n");
}

TEST_CASE("warnings alone are not errors") {
  Diagnostics findings;
  findings.warning({}, "w");
  CHECK_FALSE(findings.has_errors());
  findings.error({}, "e");
  CHECK(findings.has_errors());
}
